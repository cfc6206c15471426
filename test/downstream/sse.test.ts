import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SseDownstream } from '../../src/downstream/sse.ts';
import { until } from '../parts/deadline.ts';
import { answer, EventLog, messageOf, rejectionOf, request } from '../parts/memory-transport.ts';
import { type OpenResponse, type ResponseServer, startResponseServer } from '../parts/response-server.ts';

let server: ResponseServer;

beforeEach(async () => {
  server = await startResponseServer();
});
afterEach(() => server.close());

const ENDPOINT = 'event: endpoint\ndata: /sse/messages?session=1\nretry: <1 to 2 s>\n\n';
const withoutChance = (text: string): string => text.replace(/retry: 1\d{3}\n/, 'retry: <1 to 2 s>\n');
const eventOf = (text: string): string => `event: message\ndata: ${text}\n\n`;

async function start(): Promise<OpenResponse & { sse: SseDownstream; log: EventLog }> {
  const open = await server.request();
  const sse = new SseDownstream(open.response, { headers: [], stallTimeoutMs: 10_000 });
  const log = new EventLog();
  await sse.start(log);
  return { ...open, sse, log };
}

describe('the SSE transport', () => {
  it('tells its endpoint first, then what came before it was opened, then the rest', async () => {
    const { sse, reader, response } = await start();
    sse.send(messageOf('{"method":"early"}'));
    sse.beat(0);
    expect(response.headersSent).toBe(false);
    sse.open('/sse/messages?session=1');
    sse.send(messageOf(answer('1')));
    sse.beat(0);
    const expected = `${ENDPOINT}${eventOf('{"method":"early"}')}${eventOf(answer('1'))}: ping\n\n`;
    await until('all of it', () => withoutChance(reader.body) === expected);
  });

  it('holds 64 messages before it is opened, and no more', async () => {
    const { sse, reader } = await start();
    for (let count = 1; count <= 70; count++) sse.send(messageOf(`{"method":"${count}"}`));
    sse.open('/sse/messages?session=1');
    const expected = Array.from({ length: 64 }, (_, index) => eventOf(`{"method":"${index + 1}"}`)).join('');
    await until('all of it', () => withoutChance(reader.body) === ENDPOINT + expected);
  });

  it('passes on what was POSTed', async () => {
    const { sse, log } = await start();
    await sse.receive(messageOf(request('1')));
    expect(log.messages).toEqual([request('1')]);
  });

  it('ends once when the client closes its stream', async () => {
    const { sse, reader, log } = await start();
    sse.open('/m');
    reader.socket.destroy();
    expect(await log.ended()).toBeUndefined();
    await sse.close();
    expect(log.ends).toHaveLength(1);
    expect(sse.send(messageOf(answer('1')))).toBeUndefined();
  });

  it('refuses what is POSTed after its end, so that the poster is told', async () => {
    const { sse, log } = await start();
    sse.open('/m');
    await sse.close();
    expect(await rejectionOf((async () => sse.receive(messageOf(request('1'))))())).toMatchObject({
      code: 'session_unknown',
    });
    expect(log.messages).toEqual([]);
  });

  it('when closed ends its stream in order, and tells nobody', async () => {
    const { sse, reader, log } = await start();
    sse.open('/m');
    await sse.close();
    await sse.close();
    await reader.completed();
    await until('the response to be closed', () => reader.isComplete);
    expect(log.ends).toEqual([]);
  });

  it('when closed before it was opened leaves the response to whoever answers with the reason', async () => {
    const { sse, response } = await start();
    await sse.close();
    expect([response.headersSent, response.destroyed]).toEqual([false, false]);
  });
});
