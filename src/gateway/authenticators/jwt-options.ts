import { DrawbridgeError } from '../../errors.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { audiencesOf } from '../protected-resource.ts';
import { isTrustworthyUrl } from './issuer-fetch.ts';

/** Signatures that only the issuer can make. With HS* whoever verifies could sign too. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];
/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;

export interface JwtOptions {
  readonly issuer: string;
  /** Of which `aud` must have one, by the name of the server that is asked for. */
  readonly audiencesFor: (serverName: string) => readonly string[];
  readonly jwksUrl: URL | undefined;
  readonly algorithms: readonly string[];
  /** Every one of which a token must have. */
  readonly scopes: readonly string[];
}

/** What the jwt options mean together; throws `config`, naming the option, for what would let in the wrong people. */
export function readJwtOptions(options: ResolvedGatewayOptions, issuer: string): JwtOptions {
  const { jwtAudience, jwtJwksUrl, jwtAlgorithm, jwtScope, publicUrl } = options;
  const issuerUrl = parseTrustworthy(issuer, 'jwtIssuer (--jwt-issuer)');
  if (issuerUrl.search !== '' || issuerUrl.hash !== '')
    throw broken(`jwtIssuer (--jwt-issuer) ${issuer} has a query or a fragment`, 'RFC 8414 §2 allows neither');
  for (const name of jwtAlgorithm) {
    if (!ALGORITHMS.includes(name)) throw wrongAlgorithm(name);
  }
  if (jwtAlgorithm.length === 0) throw broken('jwtAlgorithm (--jwt-algorithm) is empty', 'no token could be valid');
  const wrongScope = jwtScope.find((scope) => !SCOPE.test(scope));
  if (wrongScope !== undefined)
    throw broken(`${JSON.stringify(wrongScope)} in jwtScope (--jwt-scope) is no scope`, 'RFC 6749 §3.3; one in each');
  if (jwtAudience.includes('')) throw broken('jwtAudience (--jwt-audience) has an empty text', 'aud never says that');
  if (jwtAudience.length === 0 && publicUrl === undefined) {
    throw broken(
      'it is not said for whom tokens must be issued',
      'tokens for other services of the same issuer would be taken',
      'Give publicUrl (--public-url), or jwtAudience (--jwt-audience) as the issuer writes it in aud.',
    );
  }
  return {
    issuer,
    audiencesFor: (serverName) =>
      jwtAudience.length > 0 || publicUrl === undefined ? jwtAudience : audiencesOf(publicUrl, serverName),
    jwksUrl: jwtJwksUrl === undefined ? undefined : parseTrustworthy(jwtJwksUrl, 'jwtJwksUrl (--jwt-jwks-url)'),
    algorithms: jwtAlgorithm,
    scopes: jwtScope,
  };
}

function parseTrustworthy(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && isTrustworthyUrl(url)) return url;
  // What is refused may have a password in it.
  throw broken(`${what} is not an https URL`, 'whoever is between could let in anybody', 'http is for loopback alone.');
}

function wrongAlgorithm(name: string): DrawbridgeError {
  const why = /^none$/i.test(name)
    ? 'unsigned tokens would let in anybody'
    : /^hs\d+$/i.test(name)
      ? 'its key is a shared secret, and the keys of an issuer are public'
      : 'it is no asymmetric signature known here';
  const what = `${JSON.stringify(name)} in jwtAlgorithm (--jwt-algorithm) is refused`;
  return broken(what, why, `Choose of ${ALGORITHMS.join(', ')}.`);
}

function broken(what: string, why: string, hint?: string): DrawbridgeError {
  return new DrawbridgeError('config', what, { why, ...(hint === undefined ? {} : { hint }) });
}
