import { createHash } from 'node:crypto';
import { DrawbridgeError } from '../../errors.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { Authentication, Authenticator } from '../policies/authenticate.ts';
import { metadataUrlFor } from '../protected-resource.ts';
import type { Principal, RequestContext } from '../request-context.ts';
import { bearerToken, hasScheme, looksLikeJwt } from './bearer.ts';
import { IssuerKeys } from './jwks.ts';
import { readJwtOptions } from './jwt-options.ts';
import type { TokenKeys } from './verify-token.ts';

/** Tokens that are longer are not even parsed. */
const MAX_TOKEN_CHARS = 8192;
/** How far the issuer's clock and ours may be apart. */
const SKEW_S = 30;
/** Verified tokens that are remembered until they end. */
const MAX_KNOWN = 1000;
const MAX_SUBJECT_CHARS = 255;
/** Control and format characters, lone surrogates, line separators: a log or a header could show somebody else. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|^\s|\s$/u;
/** The last moment that a Date can be. */
const MAX_EXP_S = 8.64e12;

type Known = Principal | { readonly missingScopes: readonly string[] };

/**
 * JWTs of one issuer as `Authorization: Bearer <token>` (RFC 6750, RFC 7519, RFC 8725): signed with a key of its key
 * set, for this gateway, with `exp` and `sub`. Throws `config` for options that cannot be meant. Starts while the issuer
 * is away, and answers 503 until its keys can be had.
 */
export function jwtAuthenticator(options: ResolvedGatewayOptions, issuer: string): Authenticator {
  const { audiencesFor, algorithms, scopes, jwksUrl } = readJwtOptions(options, issuer);
  const { family, logger, keyFile } = options;
  const verifier = import('./verify-token.ts');
  const known = new Map<string, { readonly answer: Known; readonly endsAt: number }>();
  const keys = new IssuerKeys<TokenKeys>({
    ...{ issuer, jwksUrl, family, logger },
    parse: async (text) => (await verifier).parseKeySet(text),
    onChange: () => known.clear(),
  });

  const verify = async (token: string, serverName: string, digest: string): Promise<Authentication> => {
    const expectations = {
      ...{ algorithms: [...algorithms], issuer, audience: [...audiencesFor(serverName)] },
      ...{ clockTolerance: SKEW_S, requiredClaims: ['exp', 'sub'] },
    };
    let used = await keys.get();
    if (used === undefined) return { busy: ISSUER_AWAY };
    const { verifyToken } = await verifier;
    let claims = await verifyToken(token, used, expectations);
    if (claims === 'unknown-key') {
      const others = await keys.getOthers(used);
      if (others === undefined) return 'wrong';
      used = others;
      claims = await verifyToken(token, used, expectations);
    }
    const principal = typeof claims === 'string' ? undefined : readPrincipal(claims);
    if (principal === undefined) return 'wrong';
    const missingScopes = scopes.filter((scope) => !principal.scopes.includes(scope));
    const answer = missingScopes.length === 0 ? principal : { missingScopes };
    if (used === keys.current) {
      const [oldest] = known.keys();
      if (known.size >= MAX_KNOWN && oldest !== undefined) known.delete(oldest);
      known.set(digest, { answer, endsAt: principal.expiresAt });
    }
    return answer;
  };

  return {
    challenges: (context, found) => [challengeFor(context, found, options)],
    authenticate: ({ req, server }) => {
      const { authorization } = req.headers;
      if (authorization === undefined || !hasScheme(authorization, 'bearer')) return 'absent';
      const token = authorization.length > MAX_TOKEN_CHARS ? undefined : bearerToken(authorization);
      if (token === undefined || !looksLikeJwt(token)) return keyFile === undefined ? 'wrong' : 'absent';
      const serverName = server?.name ?? '';
      const digest = createHash('sha256').update(`${serverName} ${token}`).digest('base64');
      const remembered = known.get(digest);
      if (remembered !== undefined && remembered.endsAt > Date.now() && keys.current !== undefined)
        return remembered.answer;
      known.delete(digest);
      return verify(token, serverName, digest);
    },
    close: () => keys.close(),
  };
}

/** Asking anew for a token would be of no help, so this is no 401. */
const ISSUER_AWAY = {
  error: new DrawbridgeError('issuer_unreachable', 'the token cannot be verified at the moment'),
  headers: ['Retry-After', '5'],
};

/** RFC 6750 §3 and RFC 9728 §5.1. */
function challengeFor(
  context: RequestContext,
  found: Authentication,
  { jwtScope, publicUrl }: ResolvedGatewayOptions,
): string {
  const error =
    found === 'wrong'
      ? 'invalid_token'
      : typeof found === 'object' && 'missingScopes' in found
        ? 'insufficient_scope'
        : undefined;
  const url = metadataUrlFor(context, { publicUrl });
  const fields = [
    'realm="mcp-drawbridge"',
    ...(error === undefined ? [] : [`error="${error}"`]),
    // All that are needed, not only those that are missing: a client asks for just what is said here.
    ...(jwtScope.length === 0 ? [] : [`scope="${jwtScope.join(' ')}"`]),
    ...(url === undefined ? [] : [`resource_metadata="${url}"`]),
  ];
  return `Bearer ${fields.join(', ')}`;
}

/** Undefined where the claims, valid as they are, name nobody who could be written into a log or a header. */
function readPrincipal(
  claims: Readonly<Record<string, unknown>>,
): (Principal & { readonly expiresAt: number }) | undefined {
  const { sub, exp } = claims;
  if (typeof sub !== 'string' || sub === '' || sub.length > MAX_SUBJECT_CHARS || UNPRINTABLE.test(sub))
    return undefined;
  if (typeof exp !== 'number' || !(exp < MAX_EXP_S)) return undefined;
  const expiresAt = (exp + SKEW_S) * 1000;
  return {
    id: `jwt:${sub}`,
    method: 'jwt',
    scopes: readScopes(claims),
    expiresAt,
    isCurrent: () => Date.now() < expiresAt,
  };
}

/** `scope` is a text of scopes between spaces (RFC 9068 §2.2.3); `scp` is what some issuers write, a text or a list. */
function readScopes({ scope, scp }: Readonly<Record<string, unknown>>): readonly string[] {
  const given = scope ?? scp;
  const list = typeof given === 'string' ? given.split(' ') : Array.isArray(given) ? given : [];
  return list.filter((one) => typeof one === 'string' && one !== '');
}
