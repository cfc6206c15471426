/**
 * A token that is good and not good enough (S08, A21; RFC 6750 §3.1). It gets 403, not 401, with the scopes that are
 * needed, or a client would sign in again and again with the same result; and nothing of it reaches the upstream. Texts
 * that look like a scope are none: no prefix, no other case, no list in a list.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AUDIENCE, initialize, type JwtGateway, startJwtGateway } from '../parts/jwt-gateway.ts';

let jwt: JwtGateway;
beforeAll(async () => {
  jwt = await startJwtGateway({ jwtScope: ['mcp:connect', 'db:read'] });
});
afterAll(() => jwt.close());
const sign = (claims: Record<string, unknown>): Promise<string> => jwt.issuer.sign(AUDIENCE, { claims });

describe('a token without a scope that is needed', () => {
  it.each<[string, Record<string, unknown>]>([
    ['none', {}],
    ['one of two', { scope: 'db:read' }],
    ['a prefix', { scope: 'mcp:connect db:rea' }],
    ['more than it', { scope: 'mcp:connect db:read:all' }],
    ['other case', { scope: 'MCP:connect DB:read' }],
    ['both joined by a comma', { scope: 'mcp:connect,db:read' }],
    ['both joined by a tab', { scope: 'mcp:connect\tdb:read' }],
    ['a list of one text', { scp: ['mcp:connect db:read'] }],
    ['a list in a list', { scp: [['mcp:connect', 'db:read']] }],
    ['an object', { scope: { 'mcp:connect': true, 'db:read': true } }],
    ['an empty scope beside a full scp', { scope: '', scp: 'mcp:connect db:read' }],
    ['roles', { roles: ['mcp:connect', 'db:read'] }],
  ])('that has %s gets 403 and is told all that it needs', async (_what, claims) => {
    const before = jwt.upstream.requests.length;
    const token = await sign(claims);
    for (const again of [false, true]) {
      const { status, headers, body } = await initialize(jwt.gateway.origin, token);
      expect([again, status]).toEqual([again, 403]);
      expect(headers['www-authenticate']).toBe(
        'Bearer realm="mcp-drawbridge", error="insufficient_scope", scope="mcp:connect db:read", resource_metadata="https://db.example.com/.well-known/oauth-protected-resource/mcp"',
      );
      expect(JSON.parse(body).error.data.reason).toBe('insufficient_scope');
    }
    expect(jwt.upstream.requests).toHaveLength(before);
  });

  it('and with something else wrong gets 401: what it may do is not told to who is nobody', async () => {
    const { status, headers } = await jwt.openWith(await jwt.issuer.sign('https://other.example'));
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toContain('error="invalid_token"');
  });
});

describe('a token with the scopes', () => {
  it.each<[string, Record<string, unknown>]>([
    ['as one text', { scope: 'mcp:connect db:read' }],
    ['in other order and with more', { scope: 'openid db:read  mcp:connect db:write' }],
    ['as scp, a list', { scp: ['db:read', 'mcp:connect'] }],
    ['as scp, a text', { scp: 'db:read mcp:connect' }],
  ])('%s is let in', async (_what, claims) => {
    expect((await jwt.openWith(await sign(claims))).status).toBe(200);
  });
});
