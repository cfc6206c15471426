import type { ServerResponse } from 'node:http';
import { ReplayBudget } from '../downstream/replay-store.ts';
import { SseDownstream } from '../downstream/sse.ts';
import { StreamableHttpDownstream } from '../downstream/streamable-http.ts';
import { DrawbridgeError } from '../errors.ts';
import { intercept } from '../relay/intercept.ts';
import { join } from '../relay/relay.ts';
import type { Transport } from '../relay/transport.ts';
import type { ResolvedGatewayOptions } from './gateway-options.ts';
import { hideInternals, openingFailure, withoutInternals } from './public-error.ts';
import type { RequestContext } from './request-context.ts';
import { serverPath } from './routes.ts';
import { keepSessionOrder } from './sessions/session-order.ts';
import type { Session, SessionOpening, SessionTable } from './sessions/session-table.ts';
import { serveStateless } from './stateless/stateless-routes.ts';
import { ToolRules } from './tool-rules.ts';

/** Serves what the policies let through: opens sessions, and hands each message to the session it is for. */
export class McpRoutes {
  #options: ResolvedGatewayOptions;
  readonly #sessions: SessionTable;
  readonly #tools = new ToolRules();
  readonly #replayBudget = new ReplayBudget();

  constructor(options: ResolvedGatewayOptions, sessions: SessionTable) {
    this.#options = options;
    this.#sessions = sessions;
  }

  /** For sessions to come; those that are open keep their upstream. */
  updateOptions(options: ResolvedGatewayOptions): void {
    this.#options = options;
  }

  /** Rejects with a DrawbridgeError where the response must still be written. */
  serve(context: RequestContext): Promise<void> {
    if (context.route === 'sse-stream') return this.#openSse(context);
    if (context.route === 'sse-message') return this.#takeMessage(context);
    if (context.era === 'modern') return serveStateless(context, this.#options, this.#sessions.stateless, this.#tools);
    switch (context.req.method) {
      case 'GET':
        return this.#listen(context);
      case 'DELETE':
        return this.#delete(context);
      default:
        return this.#takePost(context);
    }
  }

  async #openSse(context: RequestContext): Promise<void> {
    const { res, headers, mountPath, server } = context;
    // It has left while it was asked who it is, and will not say so again.
    if (res.destroyed) return;
    const id = this.#sessions.createId();
    const downstream = new SseDownstream(res, { headers, stallTimeoutMs: this.#options.stallTimeoutMs });
    const session = this.#sessions.add(id, openingOf(context), downstream);
    await this.#join(session, context);
    context.session = session;
    downstream.open(`${mountPath}${serverPath(server?.name ?? '')}/sse/messages?session=${id}`);
  }

  async #takeMessage(context: RequestContext): Promise<void> {
    const { res, session, message, headers } = context;
    if (message !== undefined && session?.downstream instanceof SseDownstream)
      await session.downstream.receive(message);
    else throw new DrawbridgeError('session_unknown', 'no such session');
    if (!res.destroyed) accept(context, headers);
  }

  async #takePost(context: RequestContext): Promise<void> {
    const { res, message, headers } = context;
    if (message === undefined) throw new DrawbridgeError('invalid_request', 'the body is missing');
    const isNew = context.session === undefined;
    if (isNew && res.destroyed) return;
    const session = context.session ?? (await this.#openHttp(context));
    context.session = session;
    if (isNew) endWhenUntold(session, res);
    const { downstream } = session;
    if (!(downstream instanceof StreamableHttpDownstream))
      throw new DrawbridgeError('session_unknown', 'no such session');
    if (message.kind === 'request') {
      try {
        await downstream.receiveRequest(message, res, headers);
      } catch (thrown) {
        // A session whose initialize never arrived is none.
        if (isNew) await session.relay?.close();
        throw isNew ? openingFailure(thrown) : thrown;
      }
      return;
    }
    await downstream.receive(message);
    if (!res.destroyed) accept(context, headers);
  }

  async #openHttp(context: RequestContext): Promise<Session> {
    const id = this.#sessions.createId();
    const { stallTimeoutMs, logger } = this.#options;
    const downstream = new StreamableHttpDownstream({
      sessionId: id,
      stallTimeoutMs,
      logger,
      replayBudget: this.#replayBudget,
      describeError: withoutInternals,
    });
    const session = this.#sessions.add(id, openingOf(context), downstream);
    await this.#join(session, context);
    return session;
  }

  #listen({ req, res, headers, session }: RequestContext): Promise<void> {
    if (!(session?.downstream instanceof StreamableHttpDownstream)) {
      throw new DrawbridgeError('session_unknown', 'no such session');
    }
    const lastEventId = req.headers['last-event-id'];
    session.downstream.listen(res, headers, typeof lastEventId === 'string' ? lastEventId : '');
    return Promise.resolve();
  }

  async #delete({ res, headers, session }: RequestContext): Promise<void> {
    if (!(session?.downstream instanceof StreamableHttpDownstream)) {
      throw new DrawbridgeError('session_unknown', 'no such session');
    }
    await session.relay?.close(new DrawbridgeError('session_lost', 'the client ended this session'));
    res.writeHead(200, ['Content-Length', '0', ...headers]);
    res.end();
  }

  /** A session without a relay would be ended by nobody. */
  #connect(session: Session, context: RequestContext): Transport {
    try {
      return session.server.connect(context);
    } catch (thrown) {
      this.#sessions.delete(session);
      throw thrown;
    }
  }

  /** Gives the session an upstream transport of its own; the session is gone when either side is. */
  async #join(session: Session, context: RequestContext): Promise<void> {
    const { logger } = this.#options;
    const ordered = keepSessionOrder(this.#connect(session, context));
    session.isOpening = () => ordered.isOpening;
    const tools = intercept(ordered, this.#tools.interceptFor(session));
    const upstream = intercept(tools, session.pulse.intercept);
    session.relay = join(intercept(session.downstream, hideInternals), upstream, {
      logger,
      onEnd: (by, error) => {
        this.#sessions.delete(session);
        logger.info({ principal: session.principalId, by, why: error?.sentence }, 'session ended');
      },
    });
    await session.relay.ready.catch((thrown: unknown) => {
      throw openingFailure(thrown);
    });
    logger.info({ principal: session.principalId, sessions: this.#sessions.size }, 'session opened');
  }
}

function openingOf({ principal, server, address, generation }: RequestContext): SessionOpening {
  if (principal === undefined || server === undefined)
    throw new DrawbridgeError('internal', 'a session was opened by nobody, or to no server');
  return { principal, server, address, generation };
}

/** A client that leaves before it is told the id of its session can never use it. */
function endWhenUntold({ relay }: Session, res: ServerResponse): void {
  const end = (): void => {
    if (!res.headersSent)
      void relay?.close(new DrawbridgeError('cancelled', 'the client left before its session was open'));
  };
  if (res.destroyed) end();
  else res.once('close', end);
}

function accept({ res }: RequestContext, headers: readonly string[]): void {
  res.writeHead(202, ['Content-Length', '0', ...headers]);
  res.end();
}
