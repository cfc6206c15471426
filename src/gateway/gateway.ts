import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { type GatewayOptions, type ResolvedGatewayOptions, resolveGatewayOptions } from './gateway-options.ts';
import { McpRoutes } from './mcp-routes.ts';
import { takePathKey } from './path-key.ts';
import { assemblePolicies, type PolicyChain } from './policies/assemble.ts';
import { admit } from './policies/chain.ts';
import { createReadinessCheck } from './readiness.ts';
import { ANSWERED, type Refusal, writeRefusal } from './refusal.ts';
import type { RequestContext, Route } from './request-context.ts';
import { securityHeaders } from './security-headers.ts';
import { SessionTable } from './session-table.ts';

/** What Express 4 and 5 both take as middleware. */
export type GatewayRouter = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

export interface Gateway {
  /** To mount in an Express 4 or 5 app, before any body parser: `app.use('/db', gateway.router)`. */
  readonly router: GatewayRouter;
  /** For a server of its own: `http.createServer(gateway.handler)`. Answers every path. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void;
  /** Sessions open at the moment. */
  readonly sessionCount: number;
  /** Answers what is open, ends every session, gives back what is held. Idempotent. */
  close(): Promise<void>;
}

const ROUTES: Readonly<Record<string, Route>> = {
  '/sse': 'sse-stream',
  '/sse/': 'sse-stream',
  '/sse/messages': 'sse-message',
  '/messages': 'sse-message',
  '/messages/': 'sse-message',
  '/mcp': 'mcp',
  '/mcp/': 'mcp',
};

/**
 * The hardened front door of an MCP server: a policy chain, sessions bound to principals, and a relay. Throws a
 * DrawbridgeError with code `config` when the options do not say who may use it, or name something that cannot be read.
 */
export function createGateway(options: GatewayOptions): Gateway {
  return new HttpGateway(resolveGatewayOptions(options));
}

class HttpGateway implements Gateway {
  readonly router: GatewayRouter;
  readonly handler: Gateway['handler'];
  readonly #options: ResolvedGatewayOptions;
  readonly #sessions: SessionTable;
  readonly #chain: PolicyChain;
  readonly #mcp: McpRoutes;
  readonly #headers: { readonly http: readonly string[]; readonly https: readonly string[] };
  readonly #heart: NodeJS.Timeout;

  constructor(options: ResolvedGatewayOptions) {
    this.#options = options;
    this.#sessions = new SessionTable(options);
    this.#chain = assemblePolicies(options, this.#sessions);
    this.#mcp = new McpRoutes(options, this.#sessions);
    const { isTls } = options;
    this.#headers = {
      http: securityHeaders({ isTls: isTls ?? false }),
      https: securityHeaders({ isTls: isTls ?? true }),
    };
    // Beats come twice in the time that may pass in silence, so that none is ever late.
    this.#heart = setInterval(() => this.#beat(), options.heartbeatMs / 2);
    this.#heart.unref();

    const { router, app } = this.#createExpress();
    this.router = (req, res, next) => router(req as express.Request, res as express.Response, next);
    this.handler = (req, res) => {
      const context = this.#createContext(req, res, '');
      // Express costs more than the relay itself, and has nothing to do on these paths.
      if (context.route !== 'other') this.#enter(context, () => {});
      else app(req, res);
    };
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  async close(): Promise<void> {
    clearInterval(this.#heart);
    this.#chain.close();
    const error = new DrawbridgeError('shutting_down', 'the gateway is being stopped');
    await Promise.all([...this.#sessions.values()].map((session) => session.relay?.close(error)));
  }

  #createExpress(): { router: express.Router; app: express.Express } {
    const router = express.Router();
    router.use((req, res, next) => {
      this.#enter(this.#createContext(req, res, req.baseUrl), next);
    });
    const ready = createReadinessCheck(this.#options.upstream, this.#options.family);
    router.get('/health', (_req, res) => {
      res.json({ status: 'ok' });
    });
    router.get('/ready', async (_req, res) => {
      const { isReady, why } = await ready();
      if (!isReady) this.#options.logger.warn(`not ready: ${why}`);
      res.status(isReady ? 200 : 503).json({ status: isReady ? 'ready' : 'upstream unreachable' });
    });
    const app = express();
    app.disable('x-powered-by').disable('etag');
    app.use(router);
    app.use((req, res) => {
      const context = this.#createContext(req, res, '');
      writeRefusal(context, { error: new DrawbridgeError('not_found', 'nothing is served at this path') });
    });
    return { router, app };
  }

  #createContext(req: IncomingMessage, res: ServerResponse, mountPath: string): RequestContext {
    const url = req.url ?? '';
    const mark = url.indexOf('?');
    const { pathKey, prefix, path } = takePathKey(mark === -1 ? url : url.slice(0, mark), this.#options.pathKeys);
    const scheme = 'encrypted' in req.socket ? 'https' : 'http';
    return {
      req,
      res,
      route: Object.hasOwn(ROUTES, path) ? (ROUTES[path] ?? 'other') : 'other',
      mountPath: mountPath + prefix,
      query: mark === -1 ? '' : url.slice(mark + 1),
      pathKey,
      startedAt: performance.now(),
      address: (req.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, ''),
      scheme,
      headers: this.#headers[scheme],
      principal: undefined,
      body: undefined,
      message: undefined,
      tool: undefined,
      session: undefined,
    };
  }

  /** Asks the policies, then serves what is MCP; `next` gets the rest. */
  async #enter(context: RequestContext, next: (error?: unknown) => void): Promise<void> {
    try {
      const isMcp = context.route !== 'other';
      const verdict = await admit(isMcp ? this.#chain.mcp : this.#chain.edge, context);
      if (verdict === undefined && isMcp) await this.#mcp.serve(context);
      else if (verdict === undefined) {
        const { headers, res } = context;
        for (let index = 0; index < headers.length; index += 2) res.setHeader(headers[index]!, headers[index + 1]!);
        next();
      } else if (verdict !== ANSWERED) this.#refuse(context, verdict);
    } catch (thrown) {
      this.#refuse(context, { error: toDrawbridgeError(thrown) });
    }
  }

  #refuse(context: RequestContext, refusal: Refusal): void {
    const { logger } = this.#options;
    const { req, address, principal } = context;
    const { error } = refusal;
    const fields = { status: error.status, code: error.code, address, principal: principal?.id, method: req.method };
    if (error.status >= 500) logger.warn(fields, error.sentence);
    else logger.debug(fields, error.sentence);
    writeRefusal(context, refusal);
  }

  #beat(): void {
    const { heartbeatMs, sessionIdleMs } = this.#options;
    const idleSince = performance.now() - sessionIdleMs;
    for (const session of this.#sessions.values()) {
      session.downstream.beat(heartbeatMs / 2);
      if ('isInUse' in session.downstream && !session.downstream.isInUse && session.usedAt < idleSince) {
        session.relay?.close(new DrawbridgeError('session_lost', 'the session was not used for too long'));
      }
    }
  }
}
