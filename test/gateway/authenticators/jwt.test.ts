import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateway } from '../../../src/gateway/gateway.ts';
import type { GatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { AUDIENCE, initialize, type JwtGateway, startJwtGateway } from '../../parts/jwt-gateway.ts';
import { type OauthIssuer, startIssuer } from '../../parts/oauth-issuer.ts';
import { INITIALIZE, send } from '../../parts/raw-http.ts';
import { openSse } from '../../parts/raw-sse-session.ts';

describe('a token of the issuer', () => {
  let jwt: JwtGateway;
  beforeAll(async () => {
    jwt = await startJwtGateway();
  });
  afterAll(() => jwt.close());

  it('opens a stream, and the upstream is told its subject and not shown the token', async () => {
    const token = await jwt.issuer.sign(AUDIENCE, { claims: { sub: 'alice@example.com' } });
    const authorization = { authorization: `Bearer ${token}` };
    const session = await openSse(jwt.gateway.origin, '/sse', authorization);
    await session.post(INITIALIZE, authorization);
    const { headers } = jwt.upstream.posts.at(-1)!;
    expect(headers['x-forwarded-user']).toBe('jwt:alice@example.com');
    expect(headers.authorization).toBeUndefined();
    expect(JSON.stringify(headers)).not.toContain(token);
    session.close();
  });

  it('is fetched keys for once, however many show one at the same time', async () => {
    const before = jwt.issuer.count('/jwks');
    const tokens = await Promise.all(Array.from({ length: 50 }, () => jwt.issuer.sign(AUDIENCE)));
    const answers = await Promise.all(tokens.map((token) => jwt.openWith(token)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(jwt.issuer.count('/jwks')).toBe(before);
    expect(before).toBe(1);
  });

  it('is found good again without its signature being looked at, until it ends', async () => {
    const token = await jwt.issuer.sign(AUDIENCE);
    expect((await jwt.openWith(token)).status).toBe(200);
    expect((await jwt.openWith(token)).status).toBe(200);
    // Remembered by all of the token: another signature on the same claims is another token.
    expect((await jwt.openWith(`${token.slice(0, -8)}AAAAAAAA`)).status).toBe(401);
  });

  it.each(['at+jwt', 'JWT', 'application/at+jwt'])('may be of type %s', async (typ) => {
    expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE, { header: { typ } }))).status).toBe(200);
  });

  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('may be signed with %s', async (alg) => {
    const other = await startJwtGateway({}, await startIssuer({ alg }));
    expect((await other.openWith(await other.issuer.sign(AUDIENCE))).status).toBe(200);
    await other.close();
  });

  it.each([
    ['none', { without: ['sub'] }],
    ['an empty one', { claims: { sub: '' } }],
    ['one that is no text', { claims: { sub: 7 } }],
    ['a line break', { claims: { sub: 'a\r\nX-Admin: 1' } }],
    ['a NUL', { claims: { sub: 'a\u0000' } }],
    ['a text that runs backwards', { claims: { sub: 'a\u202etxt' } }],
    ['a space at its end', { claims: { sub: 'alice ' } }],
    ['256 characters', { claims: { sub: 'a'.repeat(256) } }],
  ])('lets nobody in whose subject is %s', async (_what, options) => {
    expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE, options))).status).toBe(401);
  });

  it('may have a subject of 255 characters, which is what OpenID Connect allows', async () => {
    const token = await jwt.issuer.sign(AUDIENCE, { claims: { sub: 'x'.repeat(255) } });
    expect((await jwt.openWith(token)).status).toBe(200);
  });

  it('a Bearer that is no token is refused as wrong', async () => {
    const answer = await jwt.open('Bearer mdb_0123456789');
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toContain('error="invalid_token"');
  });
});

describe('keys of an issuer', () => {
  it('are tried each where neither they nor the token have a name', async () => {
    const jwt = await startJwtGateway({}, await startIssuer());
    await jwt.issuer.rotate({ withoutKid: true });
    const older = await jwt.issuer.sign(AUDIENCE);
    await jwt.issuer.rotate({ withoutKid: true, keep: true });
    expect((await jwt.openWith(older)).status).toBe(200);
    expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE))).status).toBe(200);
    await jwt.close();
  });

  it('that are new are found by the first token that names one; tokens of those that are gone let nobody in', async () => {
    const jwt = await startJwtGateway();
    const old = await jwt.issuer.sign(AUDIENCE);
    expect((await jwt.openWith(old)).status).toBe(200);
    await jwt.issuer.rotate();
    expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE))).status).toBe(200);
    expect((await jwt.openWith(old)).status).toBe(401);
    await jwt.close();
  });

  it.each([
    ['at the issuer’s root', ''],
    ['of an issuer with a path', '/tenant/one'],
  ])('are found by the metadata %s', async (_what, path) => {
    const jwt = await startJwtGateway({}, await startIssuer({ path }));
    expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE))).status).toBe(200);
    expect(jwt.issuer.requests).toEqual([`/.well-known/oauth-authorization-server${path}`, '/jwks']);
    await jwt.close();
  });

  it('are found by OpenID metadata where there is no other', async () => {
    const issuer = await startIssuer({ path: '/realms/main' });
    issuer.oauthMetadata = { kind: 'status', status: 404 };
    const jwt = await startJwtGateway({}, issuer);
    expect((await jwt.openWith(await issuer.sign(AUDIENCE))).status).toBe(200);
    expect(issuer.requests).toEqual([
      '/.well-known/oauth-authorization-server/realms/main',
      '/realms/main/.well-known/openid-configuration',
      '/jwks',
    ]);
    await jwt.close();
  });

  it('are not looked for where their URL is given', async () => {
    const issuer = await startIssuer();
    const jwt = await startJwtGateway({ jwtJwksUrl: `${issuer.origin}/jwks` }, issuer);
    expect((await jwt.openWith(await issuer.sign(AUDIENCE))).status).toBe(200);
    expect(issuer.requests).toEqual(['/jwks']);
    await jwt.close();
  });

  it.each([
    ['names another issuer', { issuer: 'https://elsewhere.example' }],
    ['names the issuer with another slash', (issuer: OauthIssuer) => ({ issuer: `${issuer.url}/` })],
    ['has keys on http elsewhere', { jwks_uri: 'http://192.0.2.1/jwks' }],
    ['has keys in a file', { jwks_uri: 'file:///etc/passwd' }],
    ['has no keys', { jwks_uri: undefined }],
  ])('are not taken by metadata that %s', async (_what, wrong) => {
    const issuer = await startIssuer();
    Object.assign(issuer.metadata, typeof wrong === 'function' ? wrong(issuer) : wrong);
    const jwt = await startJwtGateway({}, issuer);
    expect((await jwt.openWith(await issuer.sign(AUDIENCE))).status).toBe(503);
    expect(issuer.count('/jwks')).toBe(0);
    await jwt.close();
  });
});

describe('keys and tokens on one route', () => {
  let both: JwtGateway;
  beforeAll(async () => {
    both = await startJwtGateway({ withKeys: true });
  });
  afterAll(() => both.close());

  it('each lets in', async () => {
    expect((await both.openWith(await both.issuer.sign(AUDIENCE))).status).toBe(200);
    expect((await both.open(both.gateway.alice.Authorization)).status).toBe(200);
  });

  it('a token beside a key is two claims, and refused', async () => {
    const headers = {
      authorization: `Bearer ${await both.issuer.sign(AUDIENCE)}`,
      'x-api-key': both.gateway.alice.Authorization.slice('Bearer '.length),
    };
    expect((await send(both.gateway.origin, { path: '/sse', headers })).status).toBe(401);
  });

  it('a wrong key and a wrong token are refused, and both are offered in one challenge', async () => {
    const key = await both.open('Bearer mdb_wrong');
    expect([key.status, key.headers['www-authenticate']]).toEqual([
      401,
      'Bearer realm="mcp-drawbridge", resource_metadata="https://db.example.com/.well-known/oauth-protected-resource/sse"',
    ]);
    expect((await both.openWith(await both.issuer.sign('https://other.example'))).status).toBe(401);
  });

  it('alice by key and alice by token do not share a session', async () => {
    const token = await both.issuer.sign(AUDIENCE);
    const session = await openSse(both.gateway.origin, '/sse', both.gateway.alice);
    const answer = await send(both.gateway.origin, {
      method: 'POST',
      path: session.endpoint,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    });
    expect(answer.status).toBe(404);
    session.close();
  });
});

describe('an option of tokens that cannot be meant', () => {
  const ISSUER = { jwtIssuer: 'https://issuer.example', publicUrl: 'https://db.example.com' };
  it.each<[string, Partial<GatewayOptions>, RegExp]>([
    ['no audience', { publicUrl: undefined as never }, /for whom tokens must be issued/],
    ['an empty audience', { jwtAudience: [''] }, /jwtAudience/],
    ['none', { jwtAlgorithm: ['RS256', 'none'] }, /"none" in jwtAlgorithm.*unsigned/],
    ['nOnE', { jwtAlgorithm: ['nOnE'] }, /"nOnE" in jwtAlgorithm.*unsigned/],
    ['HS256', { jwtAlgorithm: ['HS256'] }, /"HS256" in jwtAlgorithm.*shared secret/],
    ['an algorithm that is none', { jwtAlgorithm: ['RS257'] }, /"RS257" in jwtAlgorithm/],
    ['no algorithm', { jwtAlgorithm: [] }, /jwtAlgorithm.*empty/],
    ['an issuer on http', { jwtIssuer: 'http://issuer.example' }, /jwtIssuer.*https/],
    ['an issuer that is no URL', { jwtIssuer: 'issuer' }, /jwtIssuer.*https/],
    ['an issuer with a query', { jwtIssuer: 'https://issuer.example/?a' }, /jwtIssuer.*query/],
    ['keys on http', { jwtJwksUrl: 'http://issuer.example/jwks' }, /jwtJwksUrl.*https/],
    ['keys in a file', { jwtJwksUrl: 'file:///jwks.json' }, /jwtJwksUrl.*https/],
    ['a scope that is two', { jwtScope: ['read write'] }, /jwtScope/],
    ['a scope with a quote', { jwtScope: ['a"b'] }, /jwtScope/],
  ])('%s stops the start', (_what, wrong, message) => {
    const make = (): unknown => createGateway({ upstream: 'http://127.0.0.1:9/sse', ...ISSUER, ...wrong });
    expect(make).toThrowError(
      expect.objectContaining({ code: 'config', sentence: expect.stringMatching(message) as string }),
    );
  });
});

it('a session opened over Streamable HTTP needs the token with every request', async () => {
  const jwt = await startJwtGateway();
  const answer = await initialize(jwt.gateway.origin, 'a.b.c');
  expect(answer.status).toBe(401);
  expect(jwt.upstream.requests).toEqual([]);
  await jwt.close();
});
