/**
 * A token of the right issuer for another service. One company has one issuer; a token that a wiki was given must not
 * open the database, and a service that was given ours must not be able to use it elsewhere (S01, S02, A11; RFC 8707,
 * RFC 9068 §4). `aud` is compared to the letter: no prefix, no other case, no slash more. Wrong ones are 401 and the
 * upstream hears nothing; of a right one the upstream never sees the token.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE, type JwtGateway, PUBLIC_URL, startJwtGateway } from '../parts/jwt-gateway.ts';
import { INITIALIZE } from '../parts/raw-http.ts';
import { openSse } from '../parts/raw-sse-session.ts';

describe('without an audience of its own the gateway is its public URL', () => {
  let jwt: JwtGateway;
  beforeAll(async () => {
    jwt = await startJwtGateway();
  });
  afterAll(() => jwt.close());

  it.each<[string, unknown]>([
    ['of another service', 'https://wiki.example.com'],
    ['that is a prefix of ours', 'https://db.example.co'],
    ['that ours is a prefix of', `${AUDIENCE}2`],
    ['with a slash more', `${AUDIENCE}/`],
    ['with two slashes more', `${PUBLIC_URL}//`],
    ['in other case', AUDIENCE.toUpperCase()],
    ['on http', AUDIENCE.replace('https', 'http')],
    ['with a port', 'https://db.example.com:443/mcp'],
    ['with a query', `${AUDIENCE}?`],
    ['of a subdomain', 'https://evil.db.example.com/mcp'],
    ['with a space', `${AUDIENCE} `],
    ['of several in one text', `${AUDIENCE} https://wiki.example.com`],
    ['that is a list without us', ['https://wiki.example.com', 'https://db.example.com.evil']],
    ['that is an empty list', []],
    ['that is a list of lists', [[AUDIENCE]]],
    ['that is an object', { [AUDIENCE]: true }],
    ['that is a number', 1],
    ['that is null', null],
    ['that is empty', ''],
    ['that is a star', '*'],
  ])('a token for one %s is refused', async (_what, aud) => {
    const before = jwt.upstream.requests.length;
    const answer = await jwt.openWith(await jwt.issuer.sign(AUDIENCE, { claims: { aud } }));
    expect(answer.status).toBe(401);
    expect(jwt.upstream.requests).toHaveLength(before);
  });

  it('a token for nobody in particular is refused', async () => {
    expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE, { without: ['aud'] }))).status).toBe(401);
  });

  it.each<[string, string | string[]]>([
    ['its public URL', PUBLIC_URL],
    ['its public URL as a browser writes it', `${PUBLIC_URL}/`],
    ['its /mcp', `${PUBLIC_URL}/mcp`],
    ['its /sse', `${PUBLIC_URL}/sse`],
    ['a list with it', ['https://wiki.example.com', AUDIENCE]],
  ])('a token for %s is taken', async (_what, aud) => {
    expect((await jwt.openWith(await jwt.issuer.sign(aud))).status).toBe(200);
  });

  it('a token that is taken goes no further: the upstream sees no Authorization', async () => {
    const token = await jwt.issuer.sign(AUDIENCE);
    const authorization = { authorization: `Bearer ${token}` };
    const session = await openSse(jwt.gateway.origin, '/sse', authorization);
    expect((await session.post(INITIALIZE, authorization)).status).toBe(202);
    session.close();
    expect(jwt.upstream.posts).toHaveLength(1);
    expect(JSON.stringify(jwt.upstream.posts)).not.toMatch(/authorization|bearer/i);
    expect(JSON.stringify(jwt.upstream.posts)).not.toContain(token);
  });
});

it('with an audience of its own it is that, and its public URL no more', async () => {
  const jwt = await startJwtGateway({ jwtAudience: ['api://database', 'https://second.example'] });
  expect((await jwt.openWith(await jwt.issuer.sign('api://database'))).status).toBe(200);
  expect((await jwt.openWith(await jwt.issuer.sign('https://second.example'))).status).toBe(200);
  expect((await jwt.openWith(await jwt.issuer.sign('https://second.example/'))).status).toBe(401);
  expect((await jwt.openWith(await jwt.issuer.sign(AUDIENCE))).status).toBe(401);
  expect((await jwt.openWith(await jwt.issuer.sign(['database']))).status).toBe(401);
  await jwt.close();
});
