import assert from 'node:assert/strict';
import { pass, until } from '../wait.mjs';

// The first seconds: a server that is not there yet, and one that answers only half of what it is asked.

/** A whole step of the back-off at most, and the handshake. */
const RECOVERED_MS = 6000;
/** Hosts give up on `initialize` after 60 s; the contract's own default is 25. */
const TRUTH_MS = 30_000;
const LOADED_MS = 30_000;
const HANGING_GET_MS = 2000;

/** @type {import('../stage.mjs').Scenario[]} */
export const start = [
  {
    name: 'server absent at launch, there some seconds later: initialize is answered by the server itself',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream({ isAbsent: true });
      const bridge = stage.startBridge(upstream);
      const id = bridge.initialize();
      await pass(stage.isFull ? 20_000 : 3000);
      bridge.expectAlive();
      await upstream.start();
      const result = await bridge.result(id, RECOVERED_MS, 'initialize, once the server is there');
      assert.equal(result.serverInfo.name, 'staged-server');
      bridge.notify('notifications/initialized');
      await bridge.result(bridge.request('tools/list'));
      assert.equal(upstream.initializeCount, 1, 'handshakes');
    },
  },
  {
    name: 'server absent for long: initialize is answered in time with the truth; when it comes, its tools are announced',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream({ isAbsent: true });
      const env = { DRAWBRIDGE_INITIALIZE_TIMEOUT: '2', DRAWBRIDGE_HOLD: '2' };
      const bridge = stage.startBridge(upstream, env);
      const { line, message } = await bridge.answer(
        bridge.initialize(),
        TRUTH_MS,
        'initialize is answered without a server',
      );
      assert(line.includes(upstream.host), `the answer to initialize does not name ${upstream.host}: ${line}`);
      bridge.expectAlive();
      if (message.error === undefined) {
        assert.equal(message.result.capabilities?.tools?.listChanged, true, 'the answer promises tools/list_changed');
        bridge.notify('notifications/initialized');
        await upstream.start();
        await bridge.notified('notifications/tools/list_changed', RECOVERED_MS);
      } else {
        await upstream.start();
        await bridge.handshake();
      }
      const { tools } = await bridge.result(bridge.request('tools/list'), RECOVERED_MS);
      assert.deepEqual(
        tools.map(({ name }) => name),
        upstream.tools,
      );
    },
  },
  {
    name: 'one session a launch, no probes, and nothing asked about authorization',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await bridge.result(bridge.call('echo'));
      await pass(500);
      const strangers = upstream.requests.filter(({ path }) => path.includes('/.well-known/'));
      assert.deepEqual(
        strangers.map(({ path }) => path),
        [],
        'well-known requests',
      );
      assert.equal(upstream.allSessions.length, 1, `${upstream.allSessions.length} sessions were opened`);
    },
  },
  {
    name: 'GET never answered: initialize is answered within 2 s, and calls work',
    transports: ['http'],
    async run(stage) {
      await expectPromptStart(stage, { get: 'hang' });
    },
  },
  {
    name: 'GET of a URL ending in /sse never answered, POST works: initialize is answered within 2 s, and calls work',
    transports: ['http'],
    async run(stage) {
      await expectPromptStart(stage, { get: 'hang', path: '/sse' });
    },
  },
];

/** Beside a start in which nothing hangs, so that the time to load the bridge does not count. */
async function expectPromptStart(stage, options) {
  const plain = await measureStart(stage, await stage.startUpstream({ get: '405' }), LOADED_MS);
  const upstream = await stage.startUpstream(options);
  await measureStart(stage, upstream, plain + HANGING_GET_MS);
  await until(5000, 'the session is initialized', () =>
    upstream.allSessions.some(({ isInitialized }) => isInitialized),
  );
  assert.equal(upstream.allSessions.length, 1, `${upstream.allSessions.length} sessions were opened`);
}

async function measureStart(stage, upstream, ms) {
  const bridge = stage.startBridge(upstream);
  const { at } = await bridge.answer(bridge.initialize(), Math.round(ms), 'initialize is answered');
  bridge.notify('notifications/initialized');
  await bridge.result(bridge.call('echo'), HANGING_GET_MS, 'a call after the handshake');
  return at - bridge.startedAt;
}
