import { DrawbridgeError } from '../../errors.ts';
import { isLoopback } from '../../upstream/dial/loopback.ts';
import type { Policy, Refusal, Verdict } from '../refusal.ts';
import type { Principal, RequestContext } from '../request-context.ts';

/**
 * What an authenticator says of a request: who it is; `absent` where it carries no credential of this kind; `wrong`
 * where it does, and the credential lets nobody in; or the scopes that a valid one lacks.
 */
export type Authentication = Principal | 'absent' | 'wrong' | { readonly missingScopes: readonly string[] };

/** Credentials of one kind to principal. */
export interface Authenticator {
  /** What a refusal offers, as values of `WWW-Authenticate` (RFC 9110 §11.6.1). */
  readonly challenges: readonly string[];
  authenticate(context: RequestContext): Authentication | Promise<Authentication>;
  /** Ends what watches and fetches. Idempotent. */
  close(): void;
}

/** Every request is authenticated anew; the connection it came on says nothing. */
export function authenticate(authenticators: readonly Authenticator[]): Policy {
  const challenges = authenticators.flatMap((authenticator) => authenticator.challenges);
  const refusal: Refusal = {
    error: new DrawbridgeError('unauthorized', 'this gateway needs a valid credential'),
    headers: challenges.flatMap((challenge) => ['WWW-Authenticate', challenge]),
  };
  const judge = (context: RequestContext, found: readonly Authentication[]): Verdict => {
    const presented = found.filter((one) => one !== 'absent');
    const [only] = presented;
    // Two credentials in one request are two claims about who sent it.
    if (presented.length !== 1 || only === undefined || only === 'wrong' || !('id' in only)) return refusal;
    context.principal = only;
    return undefined;
  };
  return (context) => {
    const found = authenticators.map((authenticator) => authenticator.authenticate(context));
    if (found.every((one) => !(one instanceof Promise))) return judge(context, found as Authentication[]);
    return Promise.all(found).then((all) => judge(context, all));
  };
}

const ANYBODY: Principal = { id: 'anybody', method: 'none', scopes: [], isCurrent: () => true };

/** No credential asked, on connections to this machine's own loopback addresses alone. */
export const loopbackOnly: Authenticator = {
  challenges: [],
  authenticate: ({ req }) => (isLoopback(req.socket.localAddress ?? '') ? ANYBODY : 'absent'),
  close: () => {},
};
