import type { IncomingMessage, ServerResponse } from 'node:http';
import express from 'express';
import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { ResolvedGatewayOptions } from './gateway-options.ts';
import { showPage } from './page/show-page.ts';
import { serveProtectedResource } from './protected-resource.ts';
import type { Refusal } from './refusal.ts';
import type { RequestContext } from './request-context.ts';

/** What the gateway does with a request that comes over Express. */
interface Entrance {
  options(): ResolvedGatewayOptions;
  createContext(req: IncomingMessage, res: ServerResponse, mountPath: string): RequestContext;
  /** Asks the policies and serves what is MCP; `next` gets the rest. */
  enter(context: RequestContext, next: (error?: unknown) => void): Promise<void>;
  refuse(context: RequestContext, refusal: Refusal): void;
  /** What `/ready` says of the servers. */
  readiness(): Promise<'ready' | 'draining' | 'upstream unreachable'>;
}

/** The router that a host mounts, and the application that the gateway's own server hands to what is not MCP. */
export function createExpress(entrance: Entrance): { router: express.Router; app: express.Express } {
  /** What the policies found out of a request, such as that its client came over https. */
  const contexts = new WeakMap<IncomingMessage, RequestContext>();
  const contextOf = (req: express.Request, res: express.Response): RequestContext =>
    contexts.get(req) ?? entrance.createContext(req, res, req.baseUrl);
  const page: express.RequestHandler = (req, res, next) => {
    if (showPage(entrance.options())(contextOf(req, res)) === undefined) next();
  };
  const router = express.Router();
  router.use((req, res, next) => {
    const context = entrance.createContext(req, res, req.baseUrl);
    contexts.set(req, context);
    entrance.enter(context, (error) => {
      if (error !== undefined || !serveProtectedResource(entrance.options(), context, req.path)) next(error);
    });
  });
  router.get('/health', (_req, res) => {
    res.json({ status: 'ok' });
  });
  router.get('/ready', async (_req, res) => {
    const status = await entrance.readiness();
    res.status(status === 'ready' ? 200 : 503).json({ status });
  });
  // Mounted at the root, the gateway leaves that path to its host's own page.
  router.get('/', (req, res, next) => (req.baseUrl === '' ? next() : page(req, res, next)));
  const app = express();
  app.disable('x-powered-by').disable('etag');
  app.use(router);
  app.get('/', page);
  app.use((req, res) => {
    entrance.refuse(contextOf(req, res), { error: new DrawbridgeError('not_found', 'nothing is served at this path') });
  });
  // Express would answer with a page of HTML. Its four parameters are what makes it the one that is asked.
  app.use((thrown: unknown, req: express.Request, res: express.Response, _next: express.NextFunction) => {
    entrance.refuse(contextOf(req, res), { error: fromExpress(thrown) });
  });
  return { router, app };
}

/** Express names a status where the client is at fault, such as for a path that is wrongly percent-encoded. */
function fromExpress(thrown: unknown): DrawbridgeError {
  const { status } = thrown as { status?: unknown };
  if (status === 400) return new DrawbridgeError('bad_request', 'the path is malformed');
  return toDrawbridgeError(thrown);
}
