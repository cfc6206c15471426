/**
 * Where a client learns who issues tokens for us (S09; RFC 9728). It is read without a credential and by pages of allowed
 * origins, so it must hold nothing that is not public, be there only where tokens are taken (else clients drop the
 * headers they were configured with), and never repeat a Host that somebody made up: whoever can write the metadata of a
 * resource chooses where its users sign in.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js';
import {
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
} from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import express from 'express';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateway } from '../../src/gateway/gateway.ts';
import { startGateway } from '../parts/gateway-server.ts';
import { type JwtGateway, PUBLIC_URL, startJwtGateway } from '../parts/jwt-gateway.ts';
import { type RawAnswer, send } from '../parts/raw-http.ts';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const PAGE = 'https://app.example.com';

let jwt: JwtGateway;
beforeAll(async () => {
  jwt = await startJwtGateway({ jwtScope: ['mcp:connect'], allowedOrigins: [PAGE] });
});
afterAll(() => jwt.close());
const ask = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<RawAnswer> =>
  send(jwt.gateway.origin, { method, path, headers });

describe('the metadata', () => {
  it.each([
    ['', ''],
    ['/', ''],
    ['/mcp', '/mcp'],
    ['/sse', '/sse'],
  ])('at %j says what the resource is and who issues tokens for it', async (path, resource) => {
    const { status, headers, body } = await ask(WELL_KNOWN + path);
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(headers['cache-control']).toBe('public, max-age=300');
    expect(JSON.parse(body)).toEqual({
      resource: PUBLIC_URL + resource,
      authorization_servers: [jwt.issuer.url],
      bearer_methods_supported: ['header'],
      scopes_supported: ['mcp:connect'],
    });
  });

  it('is the same whatever Host asks for it, and is not told to a Host that is not ours', async () => {
    const { body } = await ask(`${WELL_KNOWN}/mcp`, { host: 'localhost:1' });
    expect(JSON.parse(body).resource).toBe(`${PUBLIC_URL}/mcp`);
    expect((await ask(`${WELL_KNOWN}/mcp`, { host: 'evil.example' })).status).toBe(403);
    const forwarded = await ask(`${WELL_KNOWN}/mcp`, {
      'x-forwarded-host': 'evil.example',
      forwarded: 'host=evil.example',
    });
    expect(forwarded.body).toBe(body);
  });

  it('is told to who calls the gateway by its public name, which is served without being allowed besides', async () => {
    expect((await ask(`${WELL_KNOWN}/mcp`, { host: 'db.example.com' })).status).toBe(200);
    expect((await ask('/sse', { host: 'db.example.com' })).status).toBe(401);
    expect((await ask('/sse', { host: 'db.example.com.evil.example' })).status).toBe(403);
  });

  it('may be read by pages of allowed origins alone', async () => {
    const allowed = await ask(`${WELL_KNOWN}/mcp`, { origin: PAGE });
    expect([allowed.status, allowed.headers['access-control-allow-origin'], allowed.headers['vary']]).toEqual([
      200,
      PAGE,
      'Origin',
    ]);
    expect((await ask(`${WELL_KNOWN}/mcp`)).headers['vary']).toBe('Origin');
    expect((await ask(`${WELL_KNOWN}/mcp`, { origin: 'https://evil.example' })).status).toBe(403);
    const preflight = await ask(
      `${WELL_KNOWN}/mcp`,
      { origin: PAGE, 'access-control-request-method': 'GET' },
      'OPTIONS',
    );
    expect(preflight.status).toBe(204);
  });

  it('has a length for HEAD, and takes no other method', async () => {
    const head = await ask(`${WELL_KNOWN}/mcp`, {}, 'HEAD');
    expect([head.status, head.body]).toEqual([200, '']);
    expect(Number(head.headers['content-length'])).toBeGreaterThan(100);
    const post = await ask(`${WELL_KNOWN}/mcp`, {}, 'POST');
    expect([post.status, post.headers['allow']]).toEqual([405, 'GET, HEAD']);
  });

  it.each(['/other', '/mcp/x', '-x', '/..%2fmcp', '//mcp', '/mcp//'])('is not at %j', async (path) => {
    expect((await ask(WELL_KNOWN + path)).status).toBe(404);
  });

  it('costs the upstream nothing', () => {
    expect(jwt.upstream.requests).toEqual([]);
  });
});

it('there is none where no tokens are taken', async () => {
  const gateway = await startGateway({ upstream: jwt.upstream.url });
  for (const path of ['', '/mcp', '/sse'])
    expect((await send(gateway.origin, { path: WELL_KNOWN + path })).status).toBe(404);
  const { headers } = await send(gateway.origin, { path: '/sse' });
  expect(headers['www-authenticate']).toBe('Bearer realm="mcp-drawbridge"');
  await gateway.close();
});

describe('the challenge', () => {
  it.each([
    ['/sse', 'GET', '/sse'],
    ['/sse/messages?session=x', 'POST', '/sse'],
    ['/mcp', 'POST', '/mcp'],
    ['/mcp/', 'DELETE', '/mcp'],
  ])('of %s names the metadata that fit it', async (path, method, resource) => {
    const { status, headers } = await ask(path, {}, method);
    expect(status).toBe(401);
    const url = `${PUBLIC_URL}${WELL_KNOWN}${resource}`;
    expect(headers['www-authenticate']).toBe(
      `Bearer realm="mcp-drawbridge", scope="mcp:connect", resource_metadata="${url}"`,
    );
  });
});

describe('behind a path', () => {
  it('a public URL with a path is in front of everything, and its metadata are at both places clients look', async () => {
    const other = await startJwtGateway({ publicUrl: 'https://example.com/db/' });
    for (const path of [`${WELL_KNOWN}/mcp`, `${WELL_KNOWN}/db/mcp`]) {
      const { body } = await send(other.gateway.origin, { path });
      expect(JSON.parse(body).resource).toBe('https://example.com/db/mcp');
    }
    expect((await other.openWith(await other.issuer.sign('https://example.com/db/mcp'))).status).toBe(200);
    expect((await other.openWith(await other.issuer.sign('https://example.com/mcp'))).status).toBe(401);
    await other.close();
  });

  it('a router mounted in an app says where it is mounted', async () => {
    const gateway = createGateway({
      ...{ upstream: jwt.upstream.url, jwtIssuer: jwt.issuer.url, jwtAudience: ['api://db'] },
    });
    const app = express();
    app.use('/db', gateway.router);
    const server = createServer(app);
    await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
    const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { headers } = await send(origin, { path: '/db/sse' });
    const url = /resource_metadata="([^"]+)"/.exec(String(headers['www-authenticate']))?.[1];
    expect(url).toBe(`${origin}/db${WELL_KNOWN}/sse`);
    const { body } = await send(origin, { path: new URL(url!).pathname });
    expect(JSON.parse(body).resource).toBe(`${origin}/db/sse`);
    await gateway.close();
    server.closeAllConnections();
    server.close();
  });
});

describe('the SDK’s client', () => {
  it.each(['/mcp', '/sse'])('finds the issuer from our 401 at %s, and then its endpoints', async (path) => {
    const local = await startJwtGateway({ publicUrl: undefined as never, jwtAudience: ['api://db'] });
    const url = new URL(local.gateway.origin + path);
    const { resourceMetadataUrl } = extractWWWAuthenticateParams(await fetch(url));
    expect(resourceMetadataUrl?.href).toBe(`${local.gateway.origin}${WELL_KNOWN}${path}`);
    const metadata = await discoverOAuthProtectedResourceMetadata(url, { resourceMetadataUrl: resourceMetadataUrl! });
    expect(metadata.resource).toBe(url.href);
    expect(metadata.authorization_servers).toEqual([local.issuer.url]);
    expect(await discoverOAuthProtectedResourceMetadata(url)).toEqual(metadata);
    await local.close();
  });

  it('connects with its provider: it is sent to the issuer to sign in, for this resource and these scopes', async () => {
    const local = await startJwtGateway({
      ...{ publicUrl: undefined as never, jwtAudience: ['api://db'], jwtScope: ['mcp:connect'] },
    });
    local.issuer.metadata['code_challenge_methods_supported'] = ['S256'];
    let asked: URL | undefined;
    const provider: OAuthClientProvider = {
      redirectUrl: 'http://127.0.0.1:1/callback',
      clientMetadata: { redirect_uris: ['http://127.0.0.1:1/callback'] },
      clientInformation: () => ({ client_id: 'test' }),
      tokens: () => undefined,
      saveTokens: () => {},
      redirectToAuthorization: (to) => {
        asked = to;
      },
      saveCodeVerifier: () => {},
      codeVerifier: () => 'verifier',
    };
    const url = new URL(`${local.gateway.origin}/mcp`);
    const client = new Client({ name: 'test', version: '1' });
    const transport = new StreamableHTTPClientTransport(url, { authProvider: provider });
    await expect(client.connect(transport as Parameters<Client['connect']>[0])).rejects.toThrow(/Unauthorized/);
    expect(asked?.origin).toBe(local.issuer.origin);
    expect(asked?.searchParams.get('resource')).toBe(url.href);
    expect(asked?.searchParams.get('scope')).toBe('mcp:connect');
    await local.close();
  });
});
