import assert from 'node:assert/strict';
import { expectNamed } from '../bridge.mjs';
import { SEEN_MS } from '../upstream/upstream.mjs';
import { pass } from '../wait.mjs';

/** How soon after the loss of the server each open request must be answered. */
const ANSWERED_MS = 1000;
/** A bridge that is late is told from one that never answers. */
const NEVER_MS = 5000;
/** Calls wait this long for the server by default, then get an error; and a second for everything else. */
const HOLD_ENDS_MS = 16_000;
/** Ours is told to be quicker; the contract is the same. */
const SHORT_HOLD = { DRAWBRIDGE_HOLD: '2' };
/** After the server is there again: a whole step of the back-off at most, and the handshake. */
const RECOVERED_MS = 6000;

const IDS = ['0', '-1', '7', '"7"', '""', '9007199254740993', '1e2', '"s\\u0065ven \\u00fc"'];

/** Throws unless each of the calls gets an error, soon after the moment. */
async function expectErrorsSoon(bridge, ids, lostAt) {
  const errors = await Promise.all(
    ids.map((id) => bridge.error(id, NEVER_MS, `the open call ${id} is answered after the loss of the server`)),
  );
  for (const id of ids) {
    const { at } = await bridge.answer(id);
    assert(at - lostAt < ANSWERED_MS, `the open call ${id} was answered ${Math.round(at - lostAt)} ms after the loss`);
  }
  return errors;
}

async function openCalls(upstream, bridge, ids) {
  for (const id of ids) bridge.call('never', { key: `open ${id}` }, id);
  for (const id of ids) await upstream.ran(`open ${id}`);
}

/** @type {import('../stage.mjs').Scenario[]} */
export const loss = [
  {
    name: 'server killed for good: open calls get an error within 1 s, and later ones an error that names the server',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream, SHORT_HOLD);
      const ids = ['7', '"seven"'];
      await openCalls(upstream, bridge, ids);
      const lostAt = performance.now();
      await upstream.kill();
      for (const error of await expectErrorsSoon(bridge, ids, lostAt)) expectNamed(error, upstream);
      const later = [bridge.request('tools/list'), bridge.call('echo', { text: 'later' })];
      for (const id of later) {
        expectNamed(await bridge.error(id, HOLD_ENDS_MS, 'a call without a server gets an error'), upstream);
      }
      bridge.expectAlive();
    },
  },
  {
    name: 'server killed whose answers are plain JSON: open calls get an error within 1 s',
    transports: ['http'],
    async run(stage) {
      const upstream = await stage.startUpstream({ answersAs: 'json' });
      const bridge = await stage.connect(upstream, SHORT_HOLD);
      await openCalls(upstream, bridge, ['7']);
      const lostAt = performance.now();
      await upstream.kill();
      await expectErrorsSoon(bridge, ['7'], lostAt);
      bridge.expectAlive();
    },
  },
  {
    name: 'server killed: the errors carry the ids of their calls byte for byte',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream({ answersAs: 'json' });
      const bridge = await stage.connect(upstream, SHORT_HOLD);
      await openCalls(upstream, bridge, IDS);
      await upstream.kill();
      for (const id of IDS) {
        const { line } = await bridge.answer(id, NEVER_MS);
        const isSame = line.includes(`"id":${id},`) || line.includes(`"id":${id}}`);
        assert(isSame, `the id ${id} came back in another form: ${line}`);
      }
    },
  },
  {
    name: 'server killed and back after 1 s: the open call fails, the open list and new calls are answered, nothing runs twice',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      upstream.holds = ({ method }) => method === 'tools/list';
      const list = bridge.request('tools/list');
      const open = bridge.call('never', { key: 'open' });
      await upstream.saw('tools/list', ({ method }) => method === 'tools/list');
      await upstream.ran('open');
      const lostAt = performance.now();
      await upstream.kill();
      upstream.holds = () => false;
      await pass(300);
      const made = ['first', 'second', 'third'].map((key) => bridge.call('counter', { key }));
      await pass(700);
      await upstream.start();
      await expectErrorsSoon(bridge, [open], lostAt);
      for (const id of made) await bridge.result(id, RECOVERED_MS, 'a call made while the server was away');
      await bridge.result(list, RECOVERED_MS, 'tools/list, which was open when the server went away');
      assert.deepEqual(Object.fromEntries(upstream.runs), { open: 1, first: 1, second: 1, third: 1 });
      bridge.expectAlive();
    },
  },
  {
    name: 'server restarted while nothing was open: the next call is answered',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await upstream.restart();
      const id = bridge.call('counter', { key: 'next' });
      await bridge.result(id, RECOVERED_MS, 'the first call after the restart');
      assert.equal(upstream.runs.get('next'), 1);
    },
  },
  {
    name: 'event stream cut, server fine: a new call is answered, the open one gets an error within 1 s, pushes arrive again',
    transports: ['sse'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await openCalls(upstream, bridge, ['7']);
      const lostAt = performance.now();
      upstream.cutStreams('own');
      await pass(SEEN_MS);
      const next = bridge.call('counter', { key: 'next' });
      await expectErrorsSoon(bridge, ['7'], lostAt);
      await bridge.result(next, RECOVERED_MS, 'a call made after the stream was cut');
      assert.equal(upstream.runs.get('next'), 1);
      upstream.push('notifications/message', { level: 'info', data: 'again' });
      await bridge.notified('notifications/message', 2000);
    },
  },
  {
    name: 'event stream cut, the endpoint is the same afterwards: a new call is answered within 2 s',
    transports: ['sse'],
    async run(stage) {
      const upstream = await stage.startUpstream({ hasOneEndpoint: true });
      const bridge = await stage.connect(upstream);
      await bridge.result(bridge.call('echo'));
      upstream.cutStreams('own');
      await pass(SEEN_MS);
      await bridge.result(bridge.call('counter', { key: 'next' }), 2000, 'a call made after the stream was cut');
      assert.equal(upstream.runs.get('next'), 1);
    },
  },
  {
    name: 'listening stream cut, server fine: pushes arrive again in the same session',
    transports: ['http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await expectPush(upstream, bridge);
      const { initializeCount } = upstream;
      upstream.cutStreams('own');
      await bridge.result(bridge.call('echo'), 2000, 'a call made while the listening stream is cut');
      await expectPush(upstream, bridge);
      assert.equal(upstream.initializeCount, initializeCount, 'sessions were opened, though the old one was fine');
    },
  },
  {
    name: 'listening stream refused for a while: it is opened again once the server lets it',
    transports: ['http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await expectPush(upstream, bridge);
      upstream.respond = ({ method }) => (method === 'GET' ? { status: 503 } : undefined);
      upstream.cutStreams('own');
      await pass(4000);
      upstream.respond = () => undefined;
      await expectPush(upstream, bridge, RECOVERED_MS + 1000);
    },
  },
  {
    name: 'stream of an answer cut: with event ids it is resumed, and the call gets its result without running again',
    transports: ['http'],
    async run(stage) {
      const upstream = await stage.startUpstream({ hasEventIds: true });
      const bridge = await stage.connect(upstream);
      const id = bridge.call('slow', { ms: 1500, key: 'resumed' });
      await upstream.ran('resumed');
      await pass(200);
      upstream.cutStreams('answers');
      await bridge.result(id, RECOVERED_MS, 'the call whose answer stream was cut');
      assert.equal(upstream.runs.get('resumed'), 1);
      const resuming = upstream.requests.filter(({ headers }) => headers['last-event-id'] !== undefined);
      assert(resuming.length > 0, 'nothing was asked for with Last-Event-ID');
    },
  },
  {
    name: 'stream of an answer cut: without event ids the call gets an error within 1 s, and the session goes on',
    transports: ['http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await openCalls(upstream, bridge, ['7']);
      const lostAt = performance.now();
      upstream.cutStreams('answers');
      await expectErrorsSoon(bridge, ['7'], lostAt);
      await bridge.result(bridge.call('echo'), 2000, 'the next call');
    },
  },
];

/** Pushes until the client is sent one: the server may not see at once that the bridge listens. */
async function expectPush(upstream, bridge, ms = 5000) {
  const count = bridge.countNotifications('notifications/message');
  const end = performance.now() + ms;
  while (bridge.countNotifications('notifications/message') === count) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: the client is sent what the server pushes`);
    upstream.push('notifications/message', { level: 'info', data: 'pushed' });
    await pass(50);
  }
}
