import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { within } from '../parts/deadline.ts';
import { startGateway, type TestGateway } from '../parts/gateway-server.ts';
import { exchange, head, openSocket, statusOf } from '../parts/raw-socket.ts';

const MAX_BODY_BYTES = 1024 * 1024;
let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startGateway({ upstream: 'http://127.0.0.1:9/sse', maxBodyBytes: MAX_BODY_BYTES });
});
afterEach(() => gateway.close());

const post = (bytes: number, authorization: string): string =>
  head(
    'POST /mcp HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `Authorization: ${authorization}`,
    `Content-Length: ${bytes}`,
  );

/** As proxies and many clients do: the whole request, and only then a look at what was answered. */
async function sendThenRead(request: string, body: Buffer): Promise<string> {
  const socket: Socket = connect(gateway.port, '127.0.0.1');
  const failure = new Promise<string>((fulfil) => socket.once('error', ({ message }) => fulfil(message)));
  const sent = new Promise<string>((fulfil) =>
    socket.write(Buffer.concat([Buffer.from(request), body]), () => fulfil('')),
  );
  expect(await within(5000, 'the request is sent', Promise.race([sent, failure]))).toBe('');
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  await within(5000, 'the end of the answer', Promise.race([once(socket, 'end'), failure]));
  socket.destroy();
  return text;
}

it.each([
  ['too large', 413, (): string => gateway.alice.Authorization],
  ['of a stranger', 401, (): string => 'Bearer mdb_nobody'],
] as const)('a large body that is %s is answered with %i, although the client reads nothing before it has sent all', async (_what, status, authorization) => {
  const body = Buffer.alloc(6 * MAX_BODY_BYTES, 0x20);
  expect(statusOf(await sendThenRead(post(body.length, authorization()), body))).toBe(status);
});

it('a refused body that does not come is not waited for long', async () => {
  const answer = exchange(gateway.port, post(6 * MAX_BODY_BYTES, gateway.alice.Authorization));
  expect(statusOf(await within(4000, 'the connection is closed', answer))).toBe(413);
});

it('a refused body without end is cut off', async () => {
  const raw = openSocket(gateway.port, post(2 ** 40, gateway.alice.Authorization));
  const block = Buffer.alloc(MAX_BODY_BYTES);
  const pump = (): void => {
    while (!raw.socket.destroyed && raw.socket.write(block));
  };
  raw.socket.on('drain', pump);
  await raw.arrival('413');
  pump();
  await within(4000, 'the connection is closed', raw.closed);
});
