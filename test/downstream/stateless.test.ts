import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StatelessDownstream } from '../../src/downstream/stateless.ts';
import { DrawbridgeError } from '../../src/errors.ts';
import { errorReply } from '../../src/message/message.ts';
import type { TransportEvents } from '../../src/relay/transport.ts';
import { until } from '../parts/deadline.ts';
import { answer, messageOf, rejectionOf, request } from '../parts/memory-transport.ts';
import { type OpenResponse, type ResponseServer, startResponseServer } from '../parts/response-server.ts';

let server: ResponseServer;

beforeEach(async () => {
  server = await startResponseServer();
});
afterEach(() => server.close());

const NOTE = '{"jsonrpc":"2.0","method":"notifications/message"}';
const eventOf = (text: string): string => `event: message\ndata: ${text}\n\n`;
const lost = new DrawbridgeError('upstream_lost', 'the server 10.0.0.1 went away');
const plain = new DrawbridgeError('upstream_lost', 'it went away');

async function start(
  events: Partial<TransportEvents> = {},
): Promise<OpenResponse & { readonly http: StatelessDownstream; readonly ends: unknown[] }> {
  const open = await server.request();
  const describeError = (): DrawbridgeError => plain;
  const http = new StatelessDownstream(open.response, { headers: ['X-A', 'b'], stallTimeoutMs: 10_000, describeError });
  const ends: unknown[] = [];
  await http.start({ message: () => {}, error: () => {}, end: (error) => void ends.push(error), ...events });
  return { ...open, http, ends };
}

describe('an answer', () => {
  it.each([
    [undefined, 200],
    [404, 404],
  ])('that comes alone is JSON, byte for byte, with its status: %s', async (status, expected) => {
    const { http, reader, ends } = await start();
    http.send(messageOf('{\n"id":1,"result":1.10}'), { status });
    await reader.completed();
    expect([reader.status, reader.body]).toEqual([expected, '{\n"id":1,"result":1.10}']);
    expect(Object.fromEntries(reader.headers)).toMatchObject({ 'content-type': 'application/json', 'x-a': 'b' });
    await until('the end', () => ends.length === 1);
  });

  it('of the relay has the status of its error', async () => {
    const { http, reader } = await start();
    http.send(errorReply('1', new DrawbridgeError('upstream_timeout', 'late')));
    await reader.completed();
    expect(reader.status).toBe(504);
  });

  it('after other messages ends the event stream that they opened, and nothing follows it', async () => {
    const { http, reader } = await start();
    http.send(messageOf(NOTE));
    await reader.bodyIs(eventOf(NOTE));
    http.send(messageOf(answer('1')), { status: 400 });
    http.send(messageOf(NOTE));
    http.beat(0);
    await reader.completed();
    expect([reader.status, reader.body]).toEqual([200, eventOf(NOTE) + eventOf(answer('1'))]);
  });
});

describe('a request that cannot be passed on', () => {
  it('rejects with nothing written', async () => {
    const { http, response } = await start({ message: () => Promise.reject(lost) });
    expect(await rejectionOf(http.receive(messageOf(request('1'))))).toBe(lost);
    expect(response.headersSent).toBe(false);
    response.end();
  });

  it('is answered on the stream that a heartbeat has opened, in words for clients', async () => {
    let fail = (): void => {};
    const { http, reader } = await start({
      message: () => new Promise((_fulfil, reject) => (fail = () => reject(lost))),
    });
    const rejection = rejectionOf(http.receive(messageOf(request('1'))));
    http.beat(10_000);
    expect(reader.status).toBe(0);
    http.beat(0);
    await until('the heartbeat', () => reader.body === ': ping\n\n');
    fail();
    expect(await rejection).toBe(lost);
    await reader.completed();
    expect(reader.body).toContain('"id":1,"error":{"code":-32603,"message":"it went away"');
    expect(reader.body).not.toContain('10.0.0.1');
  });
});

describe('the end', () => {
  it('is told once, when the client closes its response', async () => {
    const { reader, ends } = await start();
    reader.socket.destroy();
    await until('the end', () => ends.length === 1);
  });

  it('is not told after the close', async () => {
    const { http, reader, ends } = await start();
    http.send(messageOf(NOTE));
    await http.close();
    await reader.completed();
    expect(ends).toEqual([]);
  });

  it('before the start is an error', async () => {
    const { response } = await server.request();
    response.destroy();
    const http = new StatelessDownstream(response, { headers: [], stallTimeoutMs: 1000 });
    const rejection = await rejectionOf(http.start({ message: () => {}, error: () => {}, end: () => {} }));
    expect(rejection).toMatchObject({ code: 'cancelled' });
  });
});
