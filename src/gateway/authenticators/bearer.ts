const BEARER = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i;
const JWT = /^([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/;

/** Whether an Authorization header is of this scheme, well-formed or not; the names of schemes have no case. */
export function hasScheme(authorization: string, scheme: 'bearer' | 'basic'): boolean {
  const end = authorization.indexOf(' ');
  return (end === -1 ? authorization : authorization.slice(0, end)).toLowerCase() === scheme;
}

/** The token of `Authorization: Bearer <token>` (RFC 6750 §2.1); undefined where it is anything else. */
export function bearerToken(authorization: string): string | undefined {
  return BEARER.exec(authorization)?.[1];
}

/** Whether a token has the form of a JWT in compact serialisation (RFC 7515 §3.1), so that it is no access key. */
export function looksLikeJwt(token: string): boolean {
  const header = JWT.exec(token)?.[1];
  if (header === undefined) return false;
  try {
    const { alg } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { alg?: unknown };
    return typeof alg === 'string';
  } catch {
    return false;
  }
}
