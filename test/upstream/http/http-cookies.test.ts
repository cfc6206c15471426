import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log.ts';
import { CookieJar } from '../../../src/upstream/http/cookie-jar.ts';
import { HttpClient } from '../../../src/upstream/http/http-client.ts';
import { httpClientOptions, type UpstreamOptions } from '../../../src/upstream/upstream-options.ts';
import { HttpClients } from '../../parts/http-clients.ts';
import { json, response } from '../../parts/raw-server.ts';
import { ResponseRecorder } from '../../parts/response-recorder.ts';

const clients = new HttpClients();

function createClient(options: Partial<UpstreamOptions> = {}): HttpClient {
  const url = clients.server.url('/mcp');
  return clients.keep(new HttpClient(httpClientOptions({ url, logger: silentLogger, ...options })));
}

/** The Cookie header that one request had; its answer sets cookies where they are given. */
async function ask(client: HttpClient, setCookies: readonly string[] = [], path = '/mcp'): Promise<string | undefined> {
  const sink = new ResponseRecorder();
  client.request({ method: 'POST', path, headers: 'X-A: b\r\n', body: Buffer.from('{}'), timeoutMs: 0 }, sink);
  const request = await clients.server.next('POST');
  const lines = setCookies.map((value) => `Set-Cookie: ${value}\r\n`).join('');
  await request.reply(`HTTP/1.1 200 OK\r\n${lines}Content-Length: 2\r\n\r\n{}`);
  await sink.over();
  expect(request.body).toBe('{}');
  return request.headers.get('cookie');
}

describe('cookies', () => {
  it('go back to the server that set them, over other connections too', async () => {
    const cookies = new CookieJar(clients.server.url('/'));
    const first = createClient({ cookies });
    const expires = 'Wed, 21 Oct 2099 07:28:00 GMT';
    expect(await ask(first, [`lb=node-1; Path=/; Expires=${expires}`, 'b=2; Path=/'])).toBeUndefined();
    expect(await ask(first)).toBe('lb=node-1; b=2');
    first.close();
    const second = createClient({ cookies });
    expect(await ask(second, ['b=; Max-Age=0; Path=/'])).toBe('lb=node-1; b=2');
    expect(await ask(second)).toBe('lb=node-1');
  });

  it('of a response like the one before are set again', async () => {
    const client = createClient({ cookies: new CookieJar(clients.server.url('/')) });
    await ask(client, ['n=1; Path=/']);
    await ask(client, ['n=2; Path=/']);
    await ask(client, ['n=2; Path=/']);
    expect(await ask(client)).toBe('n=2');
  });

  it('are sent to the paths they are for', async () => {
    const client = createClient({ cookies: new CookieJar(clients.server.url('/')) });
    await ask(client, ['a=1; Path=/messages']);
    expect(await ask(client)).toBeUndefined();
    expect(await ask(client, [], '/messages/?session_id=1')).toBe('a=1');
  });

  it('that come with a refusal or a redirect count', async () => {
    const client = createClient({ cookies: new CookieJar(clients.server.url('/')) });
    const sink = new ResponseRecorder();
    client.request({ method: 'GET', path: '/mcp', headers: '', timeoutMs: 0 }, sink);
    await (await clients.server.next('GET')).reply(
      response(307, '', { Location: '/mcp/', 'Set-Cookie': 'a=1; Path=/' }),
    );
    const next = await clients.server.next('GET /mcp/');
    expect(next.headers.get('cookie')).toBe('a=1');
    await next.reply(response(503, '', { 'Set-Cookie': 'b=2; Path=/' }));
    await sink.over();
    expect(await ask(client)).toBe('a=1; b=2');
  });

  it('are not kept where there is no jar', async () => {
    const client = createClient();
    await ask(client, ['a=1; Path=/']);
    expect(await ask(client)).toBeUndefined();
  });

  it('that the user gives stand in place of the jar', async () => {
    const cookies = new CookieJar(clients.server.url('/'));
    cookies.store('a=1; Path=/', '/');
    const client = createClient({ cookies, headers: { cOOkie: 'own=1' } });
    await ask(client, ['b=2; Path=/']);
    expect(await ask(client)).toBeUndefined();
    expect(cookies.lineFor('/')).toBe('Cookie: a=1\r\n');
  });

  it('of another origin are not sent', async () => {
    for (const url of [
      'http://127.0.0.1:1/',
      `http://localhost:${clients.server.port}/`,
      `https://127.0.0.1:${clients.server.port}/`,
    ]) {
      const cookies = new CookieJar(new URL(url));
      cookies.store('a=1; Path=/', '/');
      expect(await ask(createClient({ cookies }), ['b=2'])).toBeUndefined();
      expect(cookies.lineFor('/')).toBe('Cookie: a=1\r\n');
    }
  });
});

describe('a response without cookies', () => {
  it('leaves the jar as it is, and is read as before', async () => {
    const cookies = new CookieJar(clients.server.url('/'));
    const client = createClient({ cookies });
    const sink = new ResponseRecorder();
    client.request({ method: 'GET', path: '/mcp', headers: '', timeoutMs: 0 }, sink);
    await (await clients.server.next('GET')).reply(json('{}'));
    expect((await sink.over()).body).toBe('{}');
    expect(cookies.isEmpty).toBe(true);
  });
});
