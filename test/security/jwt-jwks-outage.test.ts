/**
 * The issuer's key set is a document from the network, and may be slow, gone, huge, or somewhere else (A14). The gateway
 * starts without it and says so, answers 503 within 5 s as long as it has no keys, goes on with those it has when the
 * issuer fails later, reads no more than 1 MiB, and follows no redirect, be it to a file or to a private address.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { Logger } from '../../src/log.ts';
import { silentLogger } from '../../src/log.ts';
import { until } from '../parts/deadline.ts';
import { AUDIENCE, type JwtGateway, startJwtGateway } from '../parts/jwt-gateway.ts';
import { type IssuerMood, startIssuer } from '../parts/oauth-issuer.ts';

let jwt: JwtGateway | undefined;
let lines: string[] = [];
afterEach(async () => {
  await jwt?.close();
  jwt = undefined;
  lines = [];
});
const logger: Logger = {
  ...silentLogger,
  warn: (...args: unknown[]) => {
    const line = JSON.stringify(args);
    if (line.includes('keys of the JWT issuer')) lines.push(line);
  },
};

async function startWith(mood: { jwks?: IssuerMood; metadata?: IssuerMood }): Promise<JwtGateway> {
  const issuer = await startIssuer();
  Object.assign(issuer.mood, mood);
  jwt = await startJwtGateway({ logger }, issuer);
  return jwt;
}

describe('without keys', () => {
  it.each<[string, { jwks?: IssuerMood; metadata?: IssuerMood }, RegExp]>([
    ['hang', { jwks: { kind: 'hang' } }, /no answer in time/],
    ['hang already in their metadata', { metadata: { kind: 'hang' } }, /no answer in time/],
    ['are a 500', { jwks: { kind: 'status', status: 500 } }, /it answered 500/],
    ['redirect to a file', { jwks: { kind: 'redirect', location: 'file:///etc/passwd' } }, /redirects/],
    ['redirect to a private address', { jwks: { kind: 'redirect', location: 'http://10.0.0.1/' } }, /redirects/],
    ['redirect to themselves', { jwks: { kind: 'redirect', location: '/jwks' } }, /redirects/],
    ['are no JSON', { jwks: { kind: 'text', text: '<html>secret</html>' } }, /not JSON/],
    ['are a list', { jwks: { kind: 'text', text: '[]' } }, /no list/],
    ['are null', { jwks: { kind: 'text', text: 'null' } }, /no list/],
    ['are a list of texts', { jwks: { kind: 'text', text: '{"keys":["a"]}' } }, /malformed/],
    ['are more than a hundred', { jwks: { kind: 'text', text: JSON.stringify({ keys: Array(101).fill({}) }) } }, /100/],
    ['have metadata that redirects', { metadata: { kind: 'redirect', location: 'http://10.0.0.1/' } }, /redirects/],
    ['have metadata that is no JSON', { metadata: { kind: 'text', text: '<html>secret</html>' } }, /not JSON/],
  ])('that %s, the gateway runs, says so once, and answers 503 within 5 s', async (_what, mood, why) => {
    const { issuer, openWith, upstream } = await startWith(mood);
    const token = await issuer.sign(AUDIENCE);
    const before = performance.now();
    const answers = await Promise.all([openWith(token), openWith(token)]);
    expect(performance.now() - before).toBeLessThan(5000);
    for (const { status, headers, body } of answers) {
      expect(status).toBe(503);
      expect(headers['retry-after']).toBe('5');
      expect(body).not.toContain(issuer.origin);
    }
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(why);
    expect(lines[0]).not.toContain('secret');
    expect(upstream.requests).toEqual([]);
    const fetched = new Set(issuer.requests);
    expect([...fetched].filter((url) => !url.startsWith('/.well-known/') && url !== '/jwks')).toEqual([]);
  });

  it('of 100 MB, it reads a little of them and hangs up', async () => {
    const { issuer, openWith } = await startWith({ jwks: { kind: 'flood', bytes: 100 * 1024 * 1024 } });
    expect((await openWith(await issuer.sign(AUDIENCE))).status).toBe(503);
    expect(lines[0]).toMatch(/larger than 1048576 bytes/);
    // What was in flight on the way, besides what was read.
    expect(issuer.flooded()).toBeLessThan(16 * 1024 * 1024);
  });

  it('it asks again, and lets in as soon as there are some', async () => {
    const { issuer, openWith } = await startWith({ jwks: { kind: 'status', status: 500 } });
    const token = await issuer.sign(AUDIENCE);
    expect((await openWith(token)).status).toBe(503);
    issuer.mood.jwks = { kind: 'well' };
    await until('the token is taken', async () => (await openWith(token)).status === 200);
    // 2 s passed, and thousands of requests may have come in them.
    expect(issuer.count('/jwks')).toBe(2);
  });

  it('a request without a token is told at once what is needed', async () => {
    const { open } = await startWith({ jwks: { kind: 'hang' } });
    const before = performance.now();
    expect((await open('')).status).toBe(401);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describe('with the keys there are', () => {
  it.each<[string, IssuerMood]>([
    ['is a 500', { kind: 'status', status: 500 }],
    ['is gone', { kind: 'redirect', location: 'http://10.0.0.1/' }],
    ['answers rubbish', { kind: 'text', text: '{"keys":{}}' }],
  ])('it goes on when the issuer %s, also after an unknown key has made it ask', async (_what, mood) => {
    const { issuer, openWith } = await startWith({});
    const first = await issuer.sign(AUDIENCE);
    expect((await openWith(first)).status).toBe(200);
    issuer.mood.jwks = mood;
    expect((await openWith(await issuer.sign(AUDIENCE, { header: { kid: 'unknown' } }))).status).toBe(401);
    expect(lines).toHaveLength(1);
    expect((await openWith(await issuer.sign(AUDIENCE))).status).toBe(200);
    expect((await openWith(first)).status).toBe(200);
  });

  it('a good token does not wait for a fetch that hangs', async () => {
    const { issuer, openWith } = await startWith({});
    const token = await issuer.sign(AUDIENCE);
    expect((await openWith(token)).status).toBe(200);
    issuer.mood.jwks = { kind: 'hang' };
    const unknown = openWith(await issuer.sign(AUDIENCE, { header: { kid: 'unknown' } }));
    const before = performance.now();
    expect((await openWith(await issuer.sign(AUDIENCE))).status).toBe(200);
    expect(performance.now() - before).toBeLessThan(1000);
    expect((await unknown).status).toBe(401);
    expect(performance.now() - before).toBeLessThan(5000);
  });
});
