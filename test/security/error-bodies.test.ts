/**
 * Q03, Q04: an attacker provokes errors to learn what stands where: stack traces, paths, versions, the address of the
 * server behind; or makes the log fail, hoping that the service fails with it. Error bodies are JSON and say nothing of
 * the inside, and a log that cannot be written ends nothing.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../parts/raw-http.ts';
import { BIN } from '../parts/run-cli.ts';

let gateway: TestGateway;
beforeAll(async () => {
  // Nothing listens there.
  gateway = await startGateway({ upstream: 'http://127.0.0.1:9/secret-path/mcp', upstreamTransport: 'http' });
});
afterAll(() => gateway.close());

const INSIDE = /127\.0\.0\.1|secret-path|\bat \S+ \(|node:|node_modules|\/src\/|ECONN|express|<html|<!doctype/i;

describe('an error', () => {
  it.each([
    ['a percent that escapes nothing', 'GET', '/%', 404],
    ['a path that is not served', 'GET', '/nowhere', 404],
    ['a path upwards', 'GET', '/../../etc/passwd', 404],
    ['a method that is not served', 'PATCH', '/mcp', 405],
    ['a body that is no JSON', 'POST', '/mcp', 400],
    ['a server that is not there', 'POST', '/mcp', 502],
    ['a session that is not there', 'DELETE', '/mcp', 404],
  ])('tells nothing of the inside: %s', async (name, method, path, status) => {
    const headers: Record<string, string> = { ...JSON_HEADERS, ...gateway.alice };
    if (method === 'DELETE') headers['mcp-session-id'] = 'x'.repeat(32);
    const body = method !== 'POST' ? {} : { body: name.includes('JSON') ? '{' : INITIALIZE };
    const answer = await send(gateway.origin, { method, path, headers, ...body });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    expect(JSON.parse(answer.body)).toHaveProperty('error');
    expect(answer.body).not.toMatch(INSIDE);
    expect(answer.headers['x-powered-by']).toBeUndefined();
    expect(answer.headers['server']).toBeUndefined();
  });
});

describe('a log that cannot be written', () => {
  it.each(['a full device', 'a pipe that nobody reads'])('ends nothing: %s', async (kind) => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as AddressInfo;
    await new Promise((fulfil) => free.close(fulfil));
    const isFull = kind === 'a full device';
    const args = [BIN, 'gateway', '--upstream', 'http://127.0.0.1:9/sse', '--auth', 'none', '--port', String(port)];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', isFull ? openSync('/dev/full', 'w') : 'pipe'],
    });
    child.stderr?.destroy();
    const origin = `http://127.0.0.1:${port}`;
    const lives = (): Promise<boolean> =>
      send(origin, { path: '/health' }).then(
        ({ status }) => status === 200,
        () => false,
      );
    let isUp = false;
    for (let attempt = 0; attempt < 100 && !isUp; attempt++) {
      isUp = await lives();
      if (!isUp) await new Promise((fulfil) => setTimeout(fulfil, 50));
    }
    expect(isUp).toBe(true);
    for (let count = 0; count < 50; count++) await send(origin, { path: '/mcp', headers: { host: 'evil.example' } });
    expect(await lives()).toBe(true);
    expect(child.exitCode).toBeNull();
    child.kill('SIGTERM');
    await until('the end of the gateway', () => child.exitCode !== null || child.signalCode !== null, 8000);
  });
});
