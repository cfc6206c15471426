import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { NotApplicable } from '../stage.mjs';
import { pass, until } from '../wait.mjs';

// However the bridge is told to end, at whatever moment: it answers what is open, ends its session, and is gone.

/** A grace of 2 s for what is open, and a second for everything else. */
const GONE_MS = 3000;
/** npx and the bridge behind it may have to load first. */
const STARTED_MS = 20_000;

const ENDS = [
  { what: 'stdin ends', end: (bridge) => bridge.closeStdin(), code: 0 },
  { what: 'SIGHUP', end: (bridge) => bridge.signal('SIGHUP'), code: 129 },
  { what: 'SIGINT', end: (bridge) => bridge.interrupt(), code: 130 },
  { what: 'SIGTERM', end: (bridge) => bridge.signal('SIGTERM'), code: 143 },
];

const whileConnecting = ({ what, end, code }) => ({
  name: `${what} while connecting to a server that never answers: initialize gets an error, exit code ${code}`,
  transports: ['sse', 'http'],
  async run(stage) {
    const upstream = await stage.startUpstream();
    upstream.respond = () => 'nothing';
    const bridge = stage.startBridge(upstream);
    const id = bridge.initialize();
    await until(STARTED_MS, 'the bridge connects', () => upstream.requests.length > 0);
    end(bridge);
    await expectGone(bridge, code);
    await bridge.error(id, 100, 'initialize');
  },
});

const whileCalling = ({ what, end, code }) => ({
  name: `${what} with a call open that takes too long: it gets an error, the session is ended, exit code ${code}`,
  transports: ['sse', 'http'],
  async run(stage) {
    const upstream = await stage.startUpstream();
    const bridge = await stage.connect(upstream);
    const id = bridge.call('never', { key: 'open' });
    await upstream.ran('open');
    end(bridge);
    await expectGone(bridge, code);
    await bridge.error(id, 100, 'the open call');
    await expectSessionEnded(upstream);
  },
});

/** @type {import('../stage.mjs').Scenario[]} */
export const life = [
  ...ENDS.map(whileConnecting),
  ...ENDS.map(whileCalling),
  {
    name: 'stdin ends with a call open that is soon done: the client gets the result, exit code 0',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      const id = bridge.call('slow', { ms: 500, key: 'open' });
      await upstream.ran('open');
      bridge.closeStdin();
      await bridge.result(id, GONE_MS, 'the open call');
      await expectGone(bridge, 0);
      await expectSessionEnded(upstream);
    },
  },
  {
    name: 'stdin ends right after the requests, as in `echo … | bridge`: they are answered, exit code 0',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = stage.startBridge(upstream);
      const initialize = bridge.initialize();
      bridge.notify('notifications/initialized');
      const call = bridge.call('echo', { text: 'here' });
      bridge.closeStdin();
      await bridge.result(initialize, STARTED_MS, 'initialize');
      await bridge.result(call, GONE_MS, 'the call');
      await expectGone(bridge, 0);
      await expectSessionEnded(upstream);
    },
  },
  {
    name: 'nobody reads stdout any more: the bridge ends by itself, and its session with it',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      bridge.closeStdout();
      bridge.call('echo');
      await bridge.exited(GONE_MS);
      assert(!/EPIPE\b.*\n\s+at /.test(bridge.stderr), `it ended by an EPIPE that nobody caught: ${bridge.stderr}`);
      await expectSessionEnded(upstream);
    },
  },
  {
    name: 'parent killed, stdin stays open: the session is ended all the same',
    transports: ['sse', 'http'],
    async run(stage) {
      if (process.platform === 'win32') throw new NotApplicable('there is no sh to be the parent');
      const upstream = await stage.startUpstream();
      const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'orphan', version: '1' } };
      const line = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
      const bridge = stage.startBehindShell(upstream, line);
      bridge.expectAnswerTo('1');
      await bridge.answer('1', STARTED_MS, 'initialize is answered');
      bridge.signal('SIGKILL');
      await expectSessionEnded(upstream, GONE_MS);
    },
  },
  {
    name: 'stdin ends while the server is away and a call waits for it: the call gets an error, exit code 0',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await upstream.kill();
      await pass(200);
      const id = bridge.call('echo');
      bridge.closeStdin();
      await expectGone(bridge, 0);
      await bridge.error(id, 100, 'the call that waited');
    },
  },
];

async function expectGone(bridge, code) {
  const { code: seen, signal } = await bridge.exited(GONE_MS);
  // A process that dies by a signal is one with 128 and its number to a shell.
  const status = signal === null ? seen : 128 + constants.signals[signal];
  assert(status === code, `it ended with ${signal ?? `code ${seen}`} instead of code ${code}`);
  await until(GONE_MS, 'no process of the bridge survives', () => !bridge.hasSurvivors());
}

/** Over SSE a session ends with its stream; over HTTP the server wants a DELETE for each. */
async function expectSessionEnded(upstream, ms = 1000) {
  if (upstream.kind === 'http') {
    const label = `each of the ${upstream.allSessions.length} sessions is ended with DELETE`;
    await until(ms, label, () => upstream.sessions.size === 0);
  } else {
    const isOpen = () => upstream.allSessions.some(({ stream }) => stream.isOpen);
    await until(ms, 'the event stream is closed', () => !isOpen());
  }
}
