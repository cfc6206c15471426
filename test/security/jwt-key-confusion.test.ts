/**
 * Key confusion: the public key of an issuer is public. A verifier that lets the token choose HS256 would take that
 * key's text for a shared secret, and whoever has fetched it can sign (A09, also with a space or
 * a newline before the PEM, which has got past checks of what a secret looks like; CVE-2015-9235). The same goes for a key that the token brings
 * along, and for an issuer's key set that has a symmetric or private key in it. All of it must be 401.
 */
import { createHmac } from 'node:crypto';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE, encode, type JwtGateway, startJwtGateway, unsigned } from '../parts/jwt-gateway.ts';
import { startIssuer } from '../parts/oauth-issuer.ts';

let jwt: JwtGateway;
beforeAll(async () => {
  jwt = await startJwtGateway();
});
afterAll(() => jwt.close());

const claims = (): Record<string, unknown> => {
  const now = Math.floor(Date.now() / 1000);
  return { iss: jwt.issuer.url, aud: AUDIENCE, sub: 'mallory', iat: now, exp: now + 300 };
};

function hmac(secret: string | Buffer, bits: number, header: Record<string, unknown>): string {
  const input = unsigned({ alg: `HS${bits}`, ...header }, claims()).slice(0, -1);
  return `${input}.${createHmac(`sha${bits}`, secret).update(input).digest('base64url')}`;
}

describe('a token signed with what everybody knows', () => {
  const secrets: [string, () => string | Buffer][] = [
    ['the PEM', () => jwt.issuer.publicPem()],
    ['the PEM with a newline at its end', () => `${jwt.issuer.publicPem().trim()}\n`],
    ['the PEM without one', () => jwt.issuer.publicPem().trim()],
    ['the PEM after a space', () => ` ${jwt.issuer.publicPem()}`],
    ['the PEM after a newline', () => `\n${jwt.issuer.publicPem()}`],
    ['the PEM after CR LF', () => `\r\n${jwt.issuer.publicPem()}`],
    ['the PEM as one line', () => jwt.issuer.publicPem().replaceAll('\n', '')],
    ['the DER', () => Buffer.from(jwt.issuer.publicPem().replace(/-----[^-]+-----|\s/g, ''), 'base64')],
    ['the JWK', () => JSON.stringify(jwt.issuer.publicJwk())],
    ['the modulus', () => Buffer.from(jwt.issuer.publicJwk().n!, 'base64url')],
    ['nothing', () => ''],
  ];
  it.each(secrets)('%s is refused', async (_what, secret) => {
    const before = jwt.upstream.requests.length;
    for (const bits of [256, 384, 512]) {
      expect((await jwt.openWith(hmac(secret(), bits, { kid: jwt.issuer.kid() }))).status).toBe(401);
      expect((await jwt.openWith(hmac(secret(), bits, {}))).status).toBe(401);
    }
    expect(jwt.upstream.requests).toHaveLength(before);
  });
});

describe('a token that brings its key along', () => {
  it.each(['jwk', 'jku', 'x5u', 'x5c', 'kid'])('in %s is refused, and nothing is fetched for it', async (place) => {
    const stranger = await startIssuer();
    const before = jwt.issuer.requests.length;
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const brought: Record<string, unknown> = {
      jwk: await exportJWK(publicKey),
      jku: `${stranger.origin}/jwks`,
      x5u: `${stranger.origin}/x5u`,
      x5c: [Buffer.from(stranger.publicPem()).toString('base64')],
      kid: `${stranger.origin}/jwks`,
    };
    const header = { alg: 'RS256', kid: jwt.issuer.kid(), [place]: brought[place] };
    const token = await new SignJWT(claims()).setProtectedHeader(header).sign(privateKey);
    expect((await jwt.openWith(token)).status).toBe(401);
    expect(stranger.requests).toEqual([]);
    expect(jwt.issuer.requests.slice(before).filter((url) => url !== '/jwks')).toEqual([]);
    await stranger.close();
  });
});

describe('a key set with a key that is not public', () => {
  it('lets nobody sign with a symmetric one', async () => {
    const issuer = await startIssuer();
    const secret = Buffer.alloc(32, 7);
    const keys = [{ kty: 'oct', k: secret.toString('base64url'), kid: 'shared', alg: 'HS256', use: 'sig' }];
    issuer.mood.jwks = { kind: 'text', text: JSON.stringify({ keys }) };
    const other = await startJwtGateway({}, issuer);
    const input = `${encode({ alg: 'HS256', kid: 'shared' })}.${encode({ ...claims(), iss: issuer.url })}`;
    const token = `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
    expect((await other.openWith(token)).status).toBe(401);
    expect((await other.openWith(await issuer.sign(AUDIENCE, { header: { kid: 'shared' } }))).status).toBe(401);
    await other.close();
  });

  it('lets nobody in by an algorithm that is not among those configured, though the key is right', async () => {
    const other = await startJwtGateway({ jwtAlgorithm: ['ES256'] }, await startIssuer());
    expect((await other.openWith(await other.issuer.sign(AUDIENCE))).status).toBe(401);
    await other.close();
  });
});
