import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NotApplicable } from '../stage.mjs';
import { pass, until } from '../wait.mjs';

// Nobody says that anything is wrong: links that carry nothing any more, processes and clocks that stand still.

/** A ping after 30 s of silence, 10 s for its answer, and the new session: the contract's defaults. */
const DETECTED_MS = 45_000;
const SHORT_PINGS = { DRAWBRIDGE_PING_INTERVAL: '1', DRAWBRIDGE_PONG_TIMEOUT: '1' };
const RECOVERED_MS = 6000;
const FROZEN_MS = 2000;
/** Longer than clients keep an idle connection. */
const IDLE_MS = 5500;
const PROBED_MS = 3000;

const CLOCK_JUMP = fileURLToPath(new URL('../clock-jump.cjs', import.meta.url));

/** @type {import('../stage.mjs').Scenario[]} */
export const silence = [
  {
    name: 'half-open link: it is found out, the call that met it is answered, and the next one works',
    transports: ['sse'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream, SHORT_PINGS);
      await bridge.result(bridge.call('echo'));
      upstream.swallow();
      const met = bridge.call('counter', { key: 'met' });
      await bridge.answer(met, DETECTED_MS, 'a call over a link that carries nothing is answered');
      await bridge.result(bridge.call('counter', { key: 'next' }), RECOVERED_MS, 'the next call');
      assert((upstream.runs.get('met') ?? 0) <= 1, 'the call that met the silence ran twice');
      bridge.expectAlive();
    },
  },
  {
    name: 'half-open link, nothing called: pushes arrive again within 45 s',
    transports: ['sse'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream, SHORT_PINGS);
      await bridge.result(bridge.call('echo'));
      upstream.swallow();
      const opened = upstream.allSessions.length;
      const isBack = () => upstream.allSessions.slice(opened).some(({ isInitialized }) => isInitialized);
      await until(DETECTED_MS, 'the bridge opens a new session by itself', isBack);
      upstream.push('notifications/message', { level: 'info', data: 'again' });
      await bridge.notified('notifications/message', 2000);
    },
  },
  {
    name: 'half-open link after idle time: the next call is answered within 2 s',
    transports: ['http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await bridge.result(bridge.call('echo'));
      upstream.swallow();
      await pass(IDLE_MS);
      await bridge.result(bridge.call('counter', { key: 'next' }), 2000, 'the first call after the idle time');
      assert.equal(upstream.runs.get('next'), 1);
    },
  },
  {
    name: 'server stopped for 2 s: open calls and calls made meanwhile get their results',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstreamProcess();
      const bridge = await stage.connect(upstream);
      const open = bridge.call('slow', { ms: 500, key: 'open' });
      await upstream.saw('the call', ({ params }) => params?.arguments?.key === 'open');
      upstream.freeze();
      const meanwhile = bridge.call('counter', { key: 'meanwhile' });
      await pass(FROZEN_MS);
      assert(!bridge.hasAnswered(open), 'the call was answered by a server that stood still');
      upstream.thaw();
      await bridge.result(open, 3000, 'the call that was open');
      await bridge.result(meanwhile, 3000, 'the call made meanwhile');
      const runs = upstream.seen.filter(({ params }) => params?.arguments?.key === 'meanwhile');
      assert.equal(runs.length, 1, 'the call made meanwhile was sent so often');
    },
  },
  {
    name: 'bridge stopped for 2 s: its open call gets its result, and it goes on',
    transports: ['sse', 'http'],
    async run(stage) {
      await stopBridge(stage);
    },
  },
  {
    name: 'bridge stopped for 2 s, longer than a pong may take: its open call gets its result all the same',
    transports: ['sse', 'http'],
    async run(stage) {
      await stopBridge(stage, SHORT_PINGS);
    },
  },
  {
    name: 'wall clock jumps by an hour, as after sleep: the server is asked for a sign of life within 3 s',
    transports: ['sse', 'http'],
    async run(stage) {
      const jump = join(stage.folder, 'jump');
      const loaded = join(stage.folder, 'loaded');
      const env = { NODE_OPTIONS: `--require "${CLOCK_JUMP}"`, CLOCK_JUMP_WHEN: jump, CLOCK_JUMP_LOADED: loaded };
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream, env);
      if (!existsSync(loaded)) throw new NotApplicable('it does not run on Node, so its clock cannot be set');
      await bridge.result(bridge.call('echo'));
      const before = upstream.requests.length;
      writeFileSync(jump, '');
      const isProbe = ({ message }) => message?.method === 'ping' || message?.method === 'initialize';
      await until(PROBED_MS, 'the server receives a ping', () => upstream.requests.slice(before).some(isProbe));
      await bridge.result(bridge.call('echo'), RECOVERED_MS, 'a call after the jump');
    },
  },
];

async function stopBridge(stage, env = {}) {
  const upstream = await stage.startUpstream();
  const bridge = await stage.connect(upstream, env);
  const open = bridge.call('slow', { ms: 500, key: 'open' });
  await upstream.ran('open');
  bridge.freeze();
  await pass(FROZEN_MS);
  bridge.thaw();
  await bridge.result(open, 3000, 'the call that was open');
  await bridge.result(bridge.call('counter', { key: 'next' }), 3000, 'the next call');
  assert.deepEqual(Object.fromEntries(upstream.runs), { open: 1, next: 1 });
}
