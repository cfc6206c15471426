import assert from 'node:assert/strict';

// What is written in order arrives in order, however large each piece is.

const REQUESTS = 1000;
const ALL_ANSWERED_MS = 20_000;
const LARGEST_BYTES = 60_000;
/** For sizes that look random and are the same in every run. */
const STEP = 7919;
const SIZES = [10, 100, 1000, 8000, 20_000, LARGEST_BYTES];

/** @type {import('../stage.mjs').Scenario[]} */
export const order = [
  {
    name: 'client that pipelines its handshake: initialize, its answer, initialized accepted, then the rest',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      upstream.delayMs = { initialize: 300, 'notifications/initialized': 300 };
      const bridge = stage.startBridge(upstream);
      const initialize = bridge.initialize();
      bridge.notify('notifications/initialized');
      const rest = [bridge.request('tools/list'), bridge.call('echo'), bridge.request('resources/list')];
      await bridge.result(initialize, 30_000, 'initialize');
      for (const id of rest) await bridge.result(id, 3000, 'a request written together with initialize');
    },
  },
  {
    name: '1000 requests of 10 B to 60 kB in one write: they arrive without inversion, and all are answered',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await bridge.result(bridge.call('echo'));
      const before = upstream.requests.length;
      const ids = Array.from({ length: REQUESTS }, (_, index) => String(1000 + index));
      const lines = ids.map((id, index) => {
        const filler = 'x'.repeat(SIZES[(index * STEP) % SIZES.length]);
        return bridge.textOf('tools/call', { name: 'counter', arguments: { key: id, filler } }, id);
      });
      bridge.write(lines.join(''));
      const end = performance.now() + ALL_ANSWERED_MS;
      for (const id of ids) {
        await bridge.result(id, Math.max(1, Math.round(end - performance.now())), `request ${id} of ${REQUESTS}`);
      }
      const arrived = upstream.requests.slice(before).flatMap(({ message }) => message?.id ?? []);
      assert.equal(
        inversions(arrived),
        0,
        `${inversions(arrived)} requests arrived before one that was written earlier`,
      );
      assert.equal(arrived.length, REQUESTS);
    },
  },
  {
    name: 'a cancellation never overtakes its request',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await bridge.result(bridge.call('echo'));
      const filler = 'x'.repeat(LARGEST_BYTES);
      const ids = Array.from({ length: 50 }, (_, index) => 1000 + index);
      const texts = ids.map((id) => {
        const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } };
        const call = bridge.textOf('tools/call', { name: 'echo', arguments: { filler } }, String(id));
        return `${call}${JSON.stringify(cancelled)}\n`;
      });
      bridge.write(texts.join(''));
      for (const id of ids) {
        await upstream.saw(`the cancellation of ${id}`, ({ params }) => params?.requestId === id);
      }
      const positions = new Map(
        upstream.messages.map((message, index) => [message.params?.requestId ?? message.id, index]),
      );
      const first = new Map(upstream.messages.map(({ id }, index) => [id, index]));
      const overtaken = ids.filter((id) => first.get(id) === undefined || first.get(id) > positions.get(id));
      assert.deepEqual(overtaken, [], 'requests whose cancellation arrived first');
    },
  },
];

function inversions(numbers) {
  let highest = Number.NEGATIVE_INFINITY;
  let count = 0;
  for (const number of numbers) {
    if (number < highest) count++;
    else highest = number;
  }
  return count;
}
