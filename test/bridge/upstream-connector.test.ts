import { afterEach, beforeEach, expect, it } from 'vitest';
import { answer } from '../parts/memory-transport.ts';
import { event, type RawServer, response, STREAM_HEAD, startRawServer } from '../parts/raw-server.ts';
import { answers, INITIALIZE, INITIALIZED } from '../parts/stdio-messages.ts';
import { type StreamBridge, startStreamBridge } from '../parts/stream-bridge.ts';

const ENDPOINT = STREAM_HEAD + event('/messages', 'event: endpoint\n');
const WELCOME = answer('1', '{"protocolVersion":"2025-06-18","capabilities":{}}');

let server: RawServer;
let bridge: StreamBridge;
beforeEach(async () => {
  server = await startRawServer();
});
afterEach(async () => {
  const closed = bridge.bridge.close();
  await server.close();
  await closed;
});

it('begins the next connection with the transport that the first one found', async () => {
  bridge = startStreamBridge({ url: server.url('/mcp') });
  bridge.writeLine(INITIALIZE);
  await (await server.next('POST /mcp')).reply(response(405));
  const stream = await server.next('GET /mcp');
  await stream.reply(ENDPOINT);
  await (await server.next('POST /messages')).reply(response(202));
  await stream.connection.write(event(WELCOME));
  await bridge.line('initialize is answered', answers('1'));
  bridge.writeLine(INITIALIZED);
  await (await server.next('POST /messages')).reply(response(202));
  stream.connection.end();
  // And not with a POST of the handshake, as at first.
  await (await server.next('GET /mcp')).reply(ENDPOINT);
  expect((await server.next('POST /messages')).body).toBe(INITIALIZE);
});
