import { DrawbridgeError } from '../../errors.ts';
import { isLoopback } from '../../upstream/dial/loopback.ts';
import type { Policy, Refusal } from '../refusal.ts';
import type { Principal, RequestContext } from '../request-context.ts';

/** Credentials to principal; undefined where they are missing or wrong, which nobody is told apart. */
export type Authenticator = (context: RequestContext) => Principal | undefined | Promise<Principal | undefined>;

const REFUSAL = {
  error: new DrawbridgeError('unauthorized', 'this gateway needs a valid credential'),
  headers: ['WWW-Authenticate', 'Bearer realm="mcp-drawbridge"'],
} as const;

/** Every request is authenticated anew; the connection it came on says nothing. */
export function authenticate(authenticator: Authenticator): Policy {
  return (context) => {
    const found = authenticator(context);
    return found instanceof Promise ? found.then((principal) => judge(context, principal)) : judge(context, found);
  };
}

function judge(context: RequestContext, principal: Principal | undefined): Refusal | undefined {
  context.principal = principal;
  return principal === undefined ? REFUSAL : undefined;
}

const ANYBODY: Principal = { id: 'anybody', method: 'none', scopes: [] };

/** No credential asked, on connections to this machine's own loopback addresses alone. */
export const loopbackOnly: Authenticator = ({ req }) =>
  isLoopback(req.socket.localAddress ?? '') ? ANYBODY : undefined;
