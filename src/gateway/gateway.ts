import type { IncomingMessage, ServerResponse } from 'node:http';
import type express from 'express';
import { toDrawbridgeError } from '../errors.ts';
import { Audit } from './audit.ts';
import { Drain } from './drain.ts';
import { createExpress } from './express-routes.ts';
import { type GatewayOptions, type ResolvedGatewayOptions, resolveGatewayOptions } from './gateway-options.ts';
import { asHttp1 } from './listener/http1-view.ts';
import { McpRoutes } from './mcp-routes.ts';
import { OpenResponses } from './open-responses.ts';
import { takePathKey } from './path-key.ts';
import { assemblePolicies, type PolicyChain } from './policies/assemble.ts';
import { admit } from './policies/chain.ts';
import { ANSWERED, type Refusal, writeRefusal } from './refusal.ts';
import type { RequestContext } from './request-context.ts';
import { findRoute } from './routes.ts';
import { securityHeaders } from './security-headers.ts';
import { type Admission, SessionSweep } from './sessions/session-sweep.ts';
import { SessionTable } from './sessions/session-table.ts';
import { checkUpstreamHeaders } from './upstreams/upstream-headers.ts';
import { Upstreams } from './upstreams/upstreams.ts';

/** What Express 4 and 5 both take as middleware. */
export type GatewayRouter = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

export interface Gateway {
  /** To mount in an Express 4 or 5 app, before any body parser: `app.use('/db', gateway.router)`. */
  readonly router: GatewayRouter;
  /** For a server of its own: `http.createServer(gateway.handler)`. Answers every path. */
  readonly handler: (req: IncomingMessage, res: ServerResponse) => void;
  /** Sessions open at the moment. */
  readonly sessionCount: number;
  /**
   * Takes these options from now on. Open sessions go on, on the upstream they have; those that the new options would
   * not let in, or whose server is gone, are ended within 30 s. Throws `config`, and changes nothing, when the options cannot be used. While the
   * gateway drains it does nothing.
   */
  reload(options: GatewayOptions): void;
  /** From now on `/ready` answers 503, so that a balancer looks elsewhere; everything is still served. */
  announceStop(): void;
  /**
   * Stops in good order. From now on no session begins (503 with `Retry-After`), connections end with the response that
   * they carry, and event streams on which nothing is awaited end with a `retry:`. Settles when the last open request was
   * answered and every session upstream was ended: by `timeoutMs` (default 8000), when what is left gets the error
   * `shutting_down`, and 1 s for sessions upstream that do not let themselves be ended. Then the gateway is closed.
   * A second call can make it faster.
   */
  drain(options?: DrainOptions): Promise<void>;
  /** `drain` with no time for open requests: answers them, ends every session, gives back what is held. Idempotent. */
  close(): Promise<void>;
}

export interface DrainOptions {
  /** How long open requests may take, in milliseconds. Default 8000. */
  readonly timeoutMs?: number;
}

/** Within the 10 s that Docker gives a container before it is killed. */
const DRAIN_MS = 8000;

/** The options that say who may come in. */
const AUTHENTICATION = [
  'keyFile',
  'htpasswdFile',
  'allowWeakPasswords',
  'jwtIssuer',
  'jwtAudience',
  'jwtJwksUrl',
  'jwtAlgorithm',
  'jwtScope',
  'mtls',
  'auth',
] as const satisfies readonly (keyof ResolvedGatewayOptions)[];
/** When these have changed, a session has this long to send a request that they let in. */
const NEW_PROOF_MS = 5000;

/**
 * The hardened front door of an MCP server: a policy chain, sessions bound to principals, and a relay. Throws a
 * DrawbridgeError with code `config` when the options do not say who may use it, or name something that cannot be read.
 */
export function createGateway(options: GatewayOptions): Gateway {
  return new HttpGateway(resolve(options));
}

class HttpGateway implements Gateway {
  readonly router: GatewayRouter;
  readonly handler: Gateway['handler'];
  #options: ResolvedGatewayOptions;
  readonly #sessions: SessionTable;
  #chain: PolicyChain;
  readonly #mcp: McpRoutes;
  #headers: { readonly http: readonly string[]; readonly https: readonly string[] };
  readonly #upstreams: Upstreams;
  readonly #sweep: SessionSweep;
  readonly #responses = new OpenResponses();
  readonly #drain: Drain;
  #isStopAnnounced = false;
  #closed: Promise<void> | undefined;
  #audit: Audit;
  #heart: NodeJS.Timeout;
  /** Grows when who may come in is asked of others than before. */
  #generation = 0;
  #generationSince = performance.now();

  constructor(options: ResolvedGatewayOptions) {
    this.#options = options;
    this.#sessions = new SessionTable(options);
    this.#drain = new Drain(this.#sessions, this.#responses);
    this.#chain = assemblePolicies(options, this.#sessions);
    this.#mcp = new McpRoutes(options, this.#sessions);
    this.#upstreams = new Upstreams(options);
    this.#headers = headersOf(options);
    this.#sweep = new SessionSweep(this.#sessions);
    this.#audit = new Audit(options.logger);
    this.#heart = this.#startHeart();

    const { router, app } = createExpress({
      options: () => this.#options,
      createContext: (req, res, mountPath) => this.#createContext(req, res, mountPath),
      enter: (context, next) => this.#enter(context, next),
      refuse: (context, refusal) => this.#refuse(context, refusal),
      readiness: () => this.#readiness(),
    });
    this.router = (req, res, next) => {
      this.#responses.add(res);
      router(req as express.Request, res as express.Response, next);
    };
    this.handler = (req, res) => {
      this.#responses.add(res);
      const context = this.#createContext(req, res, '');
      // Express costs more than the relay itself, and has nothing to do on these paths.
      if (context.route !== 'other') this.#enter(context, () => {});
      else {
        const http1 = asHttp1(req, res);
        app(http1.req, http1.res);
      }
    };
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  reload(options: GatewayOptions): void {
    if (this.#drain.isStarted) return;
    const next = resolve(options, this.#options.pseudonym);
    const chain = assemblePolicies(next, this.#sessions);
    this.#chain.close();
    this.#chain = chain;
    if (AUTHENTICATION.some((name) => String(next[name]) !== String(this.#options[name]))) {
      this.#generation++;
      this.#generationSince = performance.now();
    }
    this.#options = next;
    this.#audit.close();
    this.#audit = new Audit(next.logger);
    this.#sessions.updateLimits(next);
    this.#mcp.updateOptions(next);
    this.#upstreams.update(next);
    this.#headers = headersOf(next);
    clearInterval(this.#heart);
    this.#heart = this.#startHeart();
  }

  announceStop(): void {
    this.#isStopAnnounced = true;
  }

  drain({ timeoutMs = DRAIN_MS }: DrainOptions = {}): Promise<void> {
    this.announceStop();
    const drained = this.#drain.run(timeoutMs, () => this.#upstreams.close());
    this.#closed ??= drained.then(() => {
      clearInterval(this.#heart);
      this.#chain.close();
      this.#audit.close();
    });
    return this.#closed;
  }

  close(): Promise<void> {
    return this.drain({ timeoutMs: 0 });
  }

  async #readiness(): Promise<'ready' | 'draining' | 'upstream unreachable'> {
    if (this.#isStopAnnounced) return 'draining';
    const { isReady, why } = await this.#upstreams.isReady();
    if (!isReady) this.#options.logger.warn(`not ready: ${why}`);
    return isReady ? 'ready' : 'upstream unreachable';
  }

  #createContext(req: IncomingMessage, res: ServerResponse, mountPath: string): RequestContext {
    const url = req.url ?? '';
    const mark = url.indexOf('?');
    const { pathKey, prefix, path } = takePathKey(mark === -1 ? url : url.slice(0, mark), this.#options.pathKeys);
    const scheme = 'encrypted' in req.socket ? 'https' : 'http';
    return {
      req,
      res,
      ...findRoute(path, this.#upstreams),
      mountPath: mountPath + prefix,
      query: mark === -1 ? '' : url.slice(mark + 1),
      pathKey,
      startedAt: performance.now(),
      address: (req.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/, ''),
      generation: this.#generation,
      scheme,
      headers: this.#headers[scheme],
      principal: undefined,
      body: undefined,
      message: undefined,
      era: 'legacy',
      tool: undefined,
      session: undefined,
    };
  }

  /** Asks the policies, then serves what is MCP; `next` gets the rest. */
  async #enter(context: RequestContext, next: (error?: unknown) => void): Promise<void> {
    try {
      const isMcp = context.route !== 'other';
      const verdict = await admit(isMcp ? this.#chain.mcp : this.#chain.edge, context);
      if (verdict === undefined && isMcp) {
        await this.#mcp.serve(context);
        this.#audit.allow(context);
      } else if (verdict === undefined) {
        const { headers, res } = context;
        for (let index = 0; index < headers.length; index += 2) res.setHeader(headers[index]!, headers[index + 1]!);
        next();
      } else if (verdict === ANSWERED) this.#audit.allow(context);
      else this.#refuse(context, verdict);
    } catch (thrown) {
      this.#refuse(context, { error: toDrawbridgeError(thrown) });
    }
  }

  #refuse(context: RequestContext, refusal: Refusal): void {
    this.#audit.deny(context, refusal.error);
    writeRefusal(context, refusal);
  }

  /** Beats come twice in the time that may pass in silence, so that none is ever late. */
  #startHeart(): NodeJS.Timeout {
    const everyMs = this.#options.heartbeatMs / 2;
    const heart = setInterval(() => {
      for (const { downstream } of this.#sessions.open()) downstream.beat(everyMs);
      this.#sweep.run(this.#options, (admission) => this.#whyRefused(admission));
    }, everyMs);
    return heart.unref();
  }

  /** Whether what admitted a session, or a request without one, has ended since. */
  #whyRefused({ principal, server, address, generation }: Admission): string | undefined {
    if (this.#upstreams.find(server.name) === undefined) return 'its server is not served any more';
    if (principal.expiresAt !== undefined && principal.expiresAt <= Date.now()) return 'its credential has expired';
    if (!principal.isCurrent()) return 'its credential was withdrawn';
    if (!this.#chain.isAddressAllowed(address)) return 'its address is not served any more';
    if (generation !== this.#generation && performance.now() - this.#generationSince > NEW_PROOF_MS)
      return 'it was not proved again since credentials are others';
    return undefined;
  }
}

function headersOf({ isTls }: ResolvedGatewayOptions): { http: readonly string[]; https: readonly string[] } {
  return { http: securityHeaders({ isTls: isTls ?? false }), https: securityHeaders({ isTls: isTls ?? true }) };
}

function resolve(options: GatewayOptions, pseudonym?: string): ResolvedGatewayOptions {
  const resolved = resolveGatewayOptions(options, pseudonym);
  for (const server of resolved.servers.values()) checkUpstreamHeaders(server, resolved);
  return resolved;
}
