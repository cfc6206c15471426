import assert from 'node:assert/strict';
import { pass, until } from '../wait.mjs';

// The server is back, or what stands before it is, but it does not yet answer as an MCP server.

/** A call that meets a healthy server may still wait for the handshake. */
const HEALTHY_MS = 2000;
/** A whole step of the back-off at most, and the handshake. */
const RECOVERED_MS = 6000;
/** Calls wait this long for the server by default, then get an error; and a second for everything else. */
const HOLD_ENDS_MS = 16_000;

const PAGE = '<!doctype html><title>Just a moment</title>';

const REFUSALS = [
  { what: '503', response: { status: 503, body: 'no backend' } },
  { what: '503 with Retry-After', response: { status: 503, headers: { 'retry-after': '1' } } },
  { what: '502', response: { status: 502, headers: { 'content-type': 'text/html' }, body: PAGE } },
  { what: '404', response: { status: 404, headers: { 'content-type': 'text/html' }, body: PAGE } },
  {
    what: 'a 200 that is an HTML page',
    response: { status: 200, headers: { 'content-type': 'text/html' }, body: PAGE },
  },
];

/** The server restarts behind something that answers every request with this for a while. */
const meets = ({ what, response }) => ({
  name: `reconnect meets ${what} for a while: calls made then are answered, and work once the server is healthy`,
  transports: ['sse', 'http'],
  async run(stage) {
    const upstream = await stage.startUpstream();
    const bridge = await stage.connect(upstream);
    await upstream.kill();
    upstream.respond = () => response;
    await upstream.start();
    await pass(300);
    const meanwhile = bridge.call('counter', { key: 'meanwhile' });
    await pass(stage.isFull ? 6000 : 2500);
    upstream.respond = () => undefined;
    const after = bridge.call('counter', { key: 'after' });
    await bridge.result(after, HEALTHY_MS, 'a call made once the server was healthy again');
    // Over HTTP it may have met the refusal itself, which leaves open whether it ran.
    if (stage.kind === 'sse') await bridge.result(meanwhile, HEALTHY_MS, 'a call made during the outage');
    else await bridge.answer(meanwhile, HOLD_ENDS_MS, 'a call made during the outage is answered');
    assert((upstream.runs.get('meanwhile') ?? 0) <= 1, 'the call made during the outage ran twice');
    assert.equal(upstream.runs.get('after'), 1);
    bridge.expectAlive();
  },
});

/** @type {import('../stage.mjs').Scenario[]} */
export const reconnect = [
  ...REFUSALS.map(meets),
  {
    name: 'one HTTP 500 on the re-handshake: it is done again, and calls are answered',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      let failures = 0;
      await expectSecondHandshake(
        stage,
        upstream,
        () => failures > 0,
        () => {
          upstream.respond = ({ message }) =>
            message?.method === 'initialize' && failures++ === 0 ? { status: 500, body: 'not yet' } : undefined;
        },
      );
    },
  },
  {
    name: 'one JSON-RPC error on the re-handshake: it is done again, and calls are answered',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      let failures = 0;
      await expectSecondHandshake(
        stage,
        upstream,
        () => failures > 0,
        () => {
          upstream.refuses = ({ method }) => method === 'initialize' && failures++ === 0;
        },
      );
    },
  },
  {
    name: 'the stream ends with `retry: 1500`: it is not opened again before, and then it is',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream({ retryMs: 1500 });
      const bridge = await stage.connect(upstream);
      await bridge.result(bridge.call('echo'));
      await until(
        5000,
        'the bridge listens',
        () => countGets(upstream) > 0 && upstream.push('notifications/message') > 0,
      );
      const before = countGets(upstream);
      const endedAt = performance.now();
      for (const { stream } of upstream.sessions.values()) stream?.endResponse();
      await until(RECOVERED_MS, 'the stream is opened again', () => countGets(upstream) > before);
      const waited = Math.round(lastGet(upstream).at - endedAt);
      assert(waited >= 1200, `the stream was opened again after ${waited} ms, though the server asked for 1500`);
    },
  },
  {
    name: 'a 503 with `Retry-After: 2`: the server is left alone for so long',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      await stage.connect(upstream);
      await until(
        5000,
        'the bridge listens',
        () => countGets(upstream) > 0 && upstream.push('notifications/message') > 0,
      );
      const before = countGets(upstream);
      upstream.respond = () => ({ status: 503, headers: { 'retry-after': '2' } });
      upstream.forgetSessions();
      upstream.cutConnections();
      await until(RECOVERED_MS, 'the bridge tries to open its stream again', () => countGets(upstream) > before);
      const refusedAt = lastGet(upstream).at;
      await until(RECOVERED_MS, 'the bridge tries once more', () => countGets(upstream) > before + 1);
      const waited = Math.round(lastGet(upstream).at - refusedAt);
      assert(waited >= 1800, `the next try came after ${waited} ms, though the server asked for 2 s`);
    },
  },
];

/** Restarts the server so that the next handshake fails, as `prepare` says, and the one after it does not. */
async function expectSecondHandshake(stage, upstream, hasFailed, prepare) {
  const bridge = await stage.connect(upstream);
  prepare();
  await upstream.restart();
  const waits = bridge.call('counter', { key: 'waits' });
  await until(10_000, 'the bridge initializes again', hasFailed);
  await pass(500);
  const next = bridge.call('counter', { key: 'next' });
  await bridge.result(next, RECOVERED_MS, 'a call after a re-handshake that failed once');
  await bridge.result(waits, RECOVERED_MS, 'the call made before it');
  assert.deepEqual(Object.fromEntries(upstream.runs), { waits: 1, next: 1 });
}

const gets = (upstream) => upstream.requests.filter(({ method, path }) => method === 'GET' && path === upstream.path);
const countGets = (upstream) => gets(upstream).length;
const lastGet = (upstream) => gets(upstream).at(-1);
