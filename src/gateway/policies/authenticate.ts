import { DrawbridgeError } from '../../errors.ts';
import { isLoopback } from '../../upstream/dial/loopback.ts';
import type { Policy, Refusal, Verdict } from '../refusal.ts';
import type { Principal, RequestContext } from '../request-context.ts';
import type { LoginBackoff } from './login-backoff.ts';

/**
 * What an authenticator says of a request: who it is; `absent` where it carries no credential of this kind; `wrong`
 * where it does, and the credential lets nobody in; the scopes that a valid one lacks; or that it cannot be known now.
 */
export type Authentication =
  | Principal
  | 'absent'
  | 'wrong'
  | { readonly missingScopes: readonly string[] }
  | { readonly busy: Refusal };

/** Credentials of one kind to principal. */
export interface Authenticator {
  /**
   * What a refusal offers, as values of `WWW-Authenticate` (RFC 9110 §11.6.1); of one who says it by a function, all
   * that is said of the request and of what was found in it, the scopes that are needed too.
   */
  readonly challenges: readonly string[] | ((context: RequestContext, found: Authentication) => readonly string[]);
  /** Whether every request needs this credential, besides one of the others where there are others. Default false. */
  readonly isNeededBesides?: boolean;
  authenticate(context: RequestContext): Authentication | Promise<Authentication>;
  /** Ends what watches and fetches. Idempotent. */
  close(): void;
}

/**
 * Every request is authenticated anew, by exactly one credential; the connection it came on says nothing but what its
 * client certificate says. Whatever is wrong with a credential, the answer is the same, byte for byte.
 */
export function authenticate(authenticators: readonly Authenticator[], backoff?: LoginBackoff): Policy {
  const refuse = refusalsOf(authenticators);
  const needed = authenticators.find(({ isNeededBesides }) => isNeededBesides === true);
  const others = authenticators.filter((one) => one !== needed);
  const asksNobody = others[0] === loopbackOnly;

  const judge = (
    context: RequestContext,
    found: readonly Authentication[],
    besides: Principal | undefined,
  ): Verdict => {
    const shown = found.filter((one) => one !== 'absent');
    if (shown.includes('wrong')) backoff?.countWrong(context.address);
    const [only] = shown;
    if (shown.length !== 1 || only === undefined || only === 'wrong') return refuse(context, found, others);
    if ('busy' in only) return only.busy;
    if ('missingScopes' in only) {
      return refuseForScopes(context, only, others[found.indexOf(only)]?.challenges);
    }
    // A certificate, and in a header something that nobody here reads: still two claims.
    if (only.method === 'mtls' && countClaims(context) > 0) return refuse(context);
    context.principal = besides === undefined ? only : both(only, besides);
    return undefined;
  };

  const askOthers = (context: RequestContext, besides: Principal | undefined): Verdict | Promise<Verdict> => {
    const found = others.map((authenticator) => authenticator.authenticate(context));
    if (found.every((one) => !(one instanceof Promise))) return judge(context, found as Authentication[], besides);
    return Promise.all(found).then((all) => judge(context, all, besides));
  };

  return (context) => {
    const claims = asksNobody ? 0 : countClaims(context);
    // Two credentials in one request are two claims about who sent it.
    if (claims > 1) return refuse(context);
    if (claims > 0) {
      const waitMs = backoff?.waitMs(context.address) ?? 0;
      if (waitMs > 0) return refuseForNow(waitMs);
    }
    if (needed === undefined) return askOthers(context, undefined);
    const certificate = needed.authenticate(context);
    // What only a connection can show is known at once.
    if (certificate instanceof Promise || typeof certificate === 'string' || !('id' in certificate))
      return refuse(context);
    if (others.length > 0) return askOthers(context, certificate);
    return judge(context, [certificate], undefined);
  };
}

/** Places of the request that speak of who sent it, be it something that is understood or not. */
function countClaims({ req, pathKey }: RequestContext): number {
  const { authorization, 'x-api-key': apiKey } = req.headers;
  return Number(authorization !== undefined) + Number(apiKey !== undefined) + Number(pathKey !== undefined);
}

/** The principal of the one, for as long as both would be let in. */
function both(principal: Principal, besides: Principal): Principal {
  const ends = [principal.expiresAt, besides.expiresAt].filter((end) => end !== undefined);
  return {
    ...principal,
    ...(ends.length === 0 ? {} : { expiresAt: Math.min(...ends) }),
    isCurrent: () => principal.isCurrent() && besides.isCurrent(),
  };
}

/** Refusals of what is wrong or not there; `found` is what `asked` said of the request, in the same order. */
type Refuse = (context: RequestContext, found?: readonly Authentication[], asked?: readonly Authenticator[]) => Refusal;

function refusalsOf(authenticators: readonly Authenticator[]): Refuse {
  const error = new DrawbridgeError('unauthorized', 'this gateway needs a valid credential');
  const make = (challenges: readonly string[]): Refusal => {
    const all = [...new Set(challenges)];
    // One that says the same as another and less, such as Bearer without the metadata, would only mislead.
    const telling = all.filter((one) => !all.some((other) => other !== one && other.startsWith(`${one},`)));
    return { error, headers: telling.flatMap((challenge) => ['WWW-Authenticate', challenge]) };
  };
  // Where nothing depends on the request, there is one refusal for all.
  if (authenticators.every(({ challenges }) => typeof challenges !== 'function')) {
    const refusal = make(
      authenticators.flatMap(({ challenges }) => (typeof challenges === 'function' ? [] : challenges)),
    );
    return () => refusal;
  }
  return (context, found = [], asked = []) =>
    make(
      authenticators.flatMap((one) => {
        if (typeof one.challenges !== 'function') return one.challenges;
        return one.challenges(context, found[asked.indexOf(one)] ?? 'absent');
      }),
    );
}

/** RFC 6750 §3.1. */
function refuseForScopes(
  context: RequestContext,
  found: Extract<Authentication, { missingScopes: readonly string[] }>,
  challenges: Authenticator['challenges'] = [],
): Refusal {
  const list = found.missingScopes.join(' ');
  const error = new DrawbridgeError('insufficient_scope', 'the token lacks scopes', { why: list });
  if (typeof challenges === 'function')
    return { error, headers: challenges(context, found).flatMap((challenge) => ['WWW-Authenticate', challenge]) };
  const [challenge = 'Bearer'] = challenges;
  const separator = challenge.includes(' ') ? ', ' : ' ';
  return {
    error,
    headers: ['WWW-Authenticate', `${challenge}${separator}error="insufficient_scope", scope="${list}"`],
  };
}

function refuseForNow(waitMs: number): Refusal {
  const seconds = Math.ceil(waitMs / 1000);
  return {
    error: new DrawbridgeError('rate_limited', 'too many wrong credentials came from this address', {
      hint: `Wait ${seconds} s, then try again.`,
    }),
    headers: ['Retry-After', String(seconds)],
  };
}

const ANYBODY: Principal = { id: 'anybody', method: 'none', scopes: [], isCurrent: () => true };

/** No credential asked, on connections to this machine's own loopback addresses alone. */
export const loopbackOnly: Authenticator = {
  challenges: [],
  authenticate: ({ req }) => (isLoopback(req.socket.localAddress ?? '') ? ANYBODY : 'absent'),
  close: () => {},
};
