import {
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';

/** Apart from the rest of the gateway, so that jose is loaded only where there are tokens to verify. */
export type TokenKeys = ReturnType<typeof createLocalJWKSet>;

/** An issuer has a handful; a token that does not say which is tried with each. */
const MAX_KEYS = 100;

/** Throws for what is no key set, without quoting it. */
export function parseKeySet(text: string): TokenKeys {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw new Error('its key set is not JSON');
  }
  const { keys } = (content ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('its key set has no list "keys"');
  if (keys.length > MAX_KEYS) throw new Error(`its key set has more than ${MAX_KEYS} keys`);
  return createLocalJWKSet({ keys });
}

/**
 * The claims of a token if it is valid. `unknown-key` where the set has no key that could have signed it, which a newer
 * set may have. Never rejects: whatever jose throws at what a stranger sent is a no.
 */
export async function verifyToken(
  token: string,
  keys: TokenKeys,
  options: JWTVerifyOptions,
): Promise<JWTPayload | 'wrong' | 'unknown-key'> {
  try {
    return (await jwtVerify(token, keys, options)).payload;
  } catch (thrown) {
    if (thrown instanceof errors.JWKSMultipleMatchingKeys) return tryEach(token, thrown, options);
    if (thrown instanceof errors.JWKSNoMatchingKey) return 'unknown-key';
    // A key without a name may have been replaced by another without a name.
    const isOfNameless =
      thrown instanceof errors.JWSSignatureVerificationFailed && !('kid' in decodeProtectedHeader(token));
    return isOfNameless ? 'unknown-key' : 'wrong';
  }
}

async function tryEach(
  token: string,
  candidates: errors.JWKSMultipleMatchingKeys,
  options: JWTVerifyOptions,
): Promise<JWTPayload | 'wrong' | 'unknown-key'> {
  for await (const key of candidates) {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (thrown) {
      if (!(thrown instanceof errors.JWSSignatureVerificationFailed)) return 'wrong';
    }
  }
  return 'unknown-key';
}
