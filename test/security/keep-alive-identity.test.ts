/**
 * H16: an authorised request and an anonymous one on the same connection, pipelined or one after the other. Whoever shares a
 * connection, such as the users of one proxy, shares no identity: each request is authenticated anew.
 */
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { basic, bcryptHash, type HtpasswdFile, writeHtpasswd } from '../parts/htpasswd.ts';
import { type SilentUpstream, startSilentUpstream } from '../parts/silent-upstream.ts';

let upstream: SilentUpstream;
let gateway: TestGateway;
let file: HtpasswdFile;
beforeAll(async () => {
  upstream = await startSilentUpstream();
  file = writeHtpasswd(`carol:${bcryptHash('secret', 8)}\n`);
  gateway = await startGateway({ upstream: upstream.url, htpasswdFile: file.path });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
  file.remove();
});

/** Without a session this is 400 to who may come in, and 401 to others; both leave the connection open. */
const request = (authorization = ''): string =>
  `GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n${authorization === '' ? '' : `Authorization: ${authorization}\r\n`}\r\n`;

/** The statuses of what is written on one connection, in pieces that each wait for the answers to those before. */
async function statuses(pieces: readonly (readonly string[])[]): Promise<string[]> {
  const socket = connect(gateway.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  const found = (): string[] => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status!);
  let expected = 0;
  for (const piece of pieces) {
    socket.write(piece.join(''));
    expected += piece.length;
    await until(`${expected} answers`, () => found().length === expected);
  }
  socket.destroy();
  return found();
}

it('pipelined: the anonymous one behind an authorised one is 401', async () => {
  const { Authorization } = gateway.alice;
  expect(await statuses([[request(Authorization), request()]])).toEqual(['400', '401']);
  expect(
    await statuses([[request(Authorization), request('Bearer wrong'), request(Authorization), request()]]),
  ).toEqual(['400', '401', '400', '401']);
});

it('one after the other: the same', async () => {
  const { Authorization } = gateway.alice;
  expect(await statuses([[request(Authorization)], [request()], [request(Authorization)], [request()]])).toEqual([
    '400',
    '401',
    '400',
    '401',
  ]);
});

it('behind a password that is still being verified: the same', async () => {
  const { Authorization } = basic('carol', 'secret');
  expect(await statuses([[request(Authorization), request()]])).toEqual(['400', '401']);
  expect(await statuses([[request(Authorization)], [request(), request('Basic x')]])).toEqual(['400', '401', '401']);
});

it('of all that, nothing reached the upstream', () => {
  expect(upstream.requests).toEqual([]);
});
