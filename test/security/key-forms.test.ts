/**
 * A03, A05, A06: keys that are almost right. A key may be written in every form that RFC 6750 and RFC 9110 allow, and in no
 * other: what is cut off, longer, of another case, given twice or beside another is 401 (or 400 before anybody looks at it),
 * never 500, and the upstream hears nothing.
 */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { within } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { send } from '../parts/raw-http.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let key: string;
beforeAll(async () => {
  upstream = await startSilentUpstream();
  gateway = await startGateway({ upstream: upstream.url, limitLogins: 10_000 });
  key = gateway.alice.Authorization.slice('Bearer '.length);
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

/** 405 is what an authenticated PUT gets, without anything being asked of the upstream. */
const statusOf = async (headers: Record<string, string>): Promise<number> =>
  (await send(gateway.origin, { method: 'PUT', path: '/mcp', headers })).status;

/** As bytes, which Node's client would not send. */
function rawStatus(lines: readonly string[]): Promise<string> {
  return within(
    5000,
    'an answer',
    new Promise((fulfil, reject) => {
      const socket = connect(gateway.port, '127.0.0.1', () =>
        socket.write(Buffer.from(`PUT /mcp HTTP/1.1\r\nHost: localhost\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1')),
      );
      socket.once('data', (chunk) => {
        fulfil(chunk.toString('latin1').slice(9, 12));
        socket.destroy();
      });
      socket.on('error', reject);
    }),
  );
}

it.each([
  ['Bearer KEY'],
  ['bearer KEY'],
  ['BEARER KEY'],
  ['bEaReR KEY'],
  ['Bearer  KEY'],
  ['Bearer     KEY'],
  ['Bearer KEY  '],
])('Authorization: %s is taken', async (value) => {
  expect(await statusOf({ authorization: value.replace('KEY', key) })).toBe(405);
});

it('X-API-Key: KEY is taken', async () => {
  expect(await statusOf({ 'x-api-key': key })).toBe(405);
});

it.each([
  ['Bearer'],
  ['Bearer '],
  ['Bearer,'],
  ['Bearer KEY KEY'],
  ['Bearer KEY,'],
  ['Bearer KEY, Bearer KEY'],
  ['Bearer "KEY"'],
  ['Bearer,KEY'],
  ['Bearer:KEY'],
  ['BearerKEY'],
  ['Bearer\tKEY'],
  ['KEY'],
  ['Token KEY'],
  ['Basic KEY'],
  ['Digest KEY'],
  ['Bearer realm="x", KEY'],
  ['Bearer Bearer KEY'],
])('Authorization: %j is 401', async (value) => {
  expect(await statusOf({ authorization: value.replaceAll('KEY', key) })).toBe(401);
});

it.each([
  [''],
  ['KEY, KEY'],
  ['KEY,'],
  ['KEY, wrong'],
  ['wrong, KEY'],
  ['Bearer KEY'],
  ['KEY KEY'],
  ['"KEY"'],
])('X-API-Key: %j is 401', async (value) => {
  expect(await statusOf({ 'x-api-key': value.replaceAll('KEY', key) })).toBe(401);
});

it('a header given twice is refused before it is looked at, whatever stands in it', async () => {
  for (const name of ['X-API-Key', 'Authorization']) {
    const value = name === 'X-API-Key' ? key : `Bearer ${key}`;
    expect(await rawStatus([`${name}: ${value}`, `${name}: ${value}`])).toBe('400');
    expect(await rawStatus([`${name}: ${value}`, `${name.toLowerCase()}: wrong`])).toBe('400');
  }
});

it('neither a part of the key nor anything more than it is taken', async () => {
  const almost = [
    key.slice(0, -1),
    key.slice(1),
    `${key}x`,
    `x${key}`,
    `${key}${key}`,
    key.toUpperCase(),
    key.toLowerCase(),
    key.replace('mdb_', ''),
    key.replace('mdb_', 'MDB_'),
    `${key}=`,
    `${key}.`,
    [...key].reverse().join(''),
    'sha256:',
    'null',
    'undefined',
    '[object Object]',
    '__proto__',
    'constructor',
  ];
  for (const text of almost) {
    expect(await statusOf({ authorization: `Bearer ${text}` }), text).toBe(401);
    expect(await statusOf({ 'x-api-key': text }), text).toBe(401);
  }
});

it('no length from 1 to 200, and none that is absurd, is anything but 401', async () => {
  for (let length = 1; length <= 200; length++) expect(await statusOf({ 'x-api-key': 'k'.repeat(length) })).toBe(401);
  expect(await statusOf({ authorization: `Bearer ${'k'.repeat(10_000)}` })).toBe(401);
});

it('the hash that is kept is not taken for the key', async () => {
  const { readFileSync } = await import('node:fs');
  const [, hash = ''] = /"hash": "([^"]+)"/.exec(readFileSync(gateway.keyFile, 'utf8')) ?? [];
  expect(hash).toMatch(/^sha256:/);
  expect(await statusOf({ 'x-api-key': hash })).toBe(401);
  expect(await statusOf({ 'x-api-key': hash.slice(7) })).toBe(401);
});

it('NUL, latin1 and other bytes are 400 or 401, never 500', async () => {
  for (const text of [`${key}\0`, `\0${key}`, `${key}\x7f`, `k\xe9y`, '\xff\xfe', `${key}\x01`]) {
    expect(['400', '401'], JSON.stringify(text)).toContain(await rawStatus([`X-API-Key: ${text}`]));
    expect(['400', '401'], JSON.stringify(text)).toContain(await rawStatus([`Authorization: Bearer ${text}`]));
  }
});

it('of all that, nothing reached the upstream', () => {
  expect(upstream.requests).toEqual([]);
});
