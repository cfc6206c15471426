import assert from 'node:assert/strict';
import { pass } from '../wait.mjs';

// Large messages, and readers that do not read: all arrives, in linear time, and memory has a bound.

const MB = 1024 * 1024;
const RESULT_BYTES = 32 * MB;
const RESULT_MS = 4000;
/** Node itself, and a few copies of one large message. */
const LARGE_MESSAGE_MEMORY = 400 * MB;
const STALLED_RESULTS = 120;
/** Less than what waits for the reader, so that it cannot all be inside the bridge. */
const STALLED_MEMORY = 200 * MB;
const ENDLESS_BYTES = 200 * MB;
const ALL_READ_MS = 15_000;

/** @type {import('../stage.mjs').Scenario[]} */
export const size = [
  {
    name: 'a result of 32 MB: it arrives whole, within 4 s, and a call beside it is answered',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      const big = bridge.call('big', { bytes: RESULT_BYTES });
      const beside = bridge.call('echo');
      const { content } = await bridge.result(big, RESULT_MS, 'the large result');
      assert.equal(content[0].text.length, RESULT_BYTES);
      await bridge.result(beside, RESULT_MS, 'the call beside it');
      expectMemory(bridge, LARGE_MESSAGE_MEMORY);
    },
  },
  {
    name: 'a request of 12 MB: the server gets it whole',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      const text = 'x'.repeat(12 * MB);
      const { content } = await bridge.result(bridge.call('echo', { text }), RESULT_MS, 'the large request');
      assert.equal(content[0].text.length, text.length);
    },
  },
  {
    name: 'a line of 200 MB: an error comes back, memory has a bound, and the next call works',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      bridge.expectAnswerTo('null');
      const filler = 'x'.repeat(MB);
      bridge.write('{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"');
      for (let written = 0; written < ENDLESS_BYTES; written += MB) await bridge.writeAll(filler);
      bridge.write('"}}\n');
      await bridge.error('null', RESULT_MS, 'the endless line gets a reply');
      await bridge.result(bridge.call('echo'), RESULT_MS, 'the call after it');
      expectMemory(bridge, LARGE_MESSAGE_MEMORY);
    },
  },
  {
    name: 'nobody reads stdout for a while, 120 MB wait: memory has a bound, and then all of it arrives',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      bridge.stopReading();
      const ids = Array.from({ length: STALLED_RESULTS }, () => bridge.call('big', { bytes: MB }));
      await pass(2000);
      expectMemory(bridge, STALLED_MEMORY);
      bridge.goOnReading();
      for (const id of ids) await bridge.result(id, ALL_READ_MS, 'a result that waited for the reader');
    },
  },
];

function expectMemory(bridge, limit) {
  const peak = bridge.peakMemoryBytes();
  assert(peak <= limit, `it took ${Math.round(peak / MB)} MB of memory, more than ${Math.round(limit / MB)}`);
}
