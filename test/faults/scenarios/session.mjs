import assert from 'node:assert/strict';
import { pass, until } from '../wait.mjs';

// The server is there, but the session is not; and what a new session owes the client of the old one.

const RECOVERED_MS = 6000;
const COUNTS = [1, 10];

const GONE = [
  { status: 404, body: 'Session not found' },
  {
    status: 400,
    body: '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Bad Request: No valid session ID provided"}}',
  },
  { status: 410, body: 'The session is gone' },
];

/** Several calls meet the loss at once; the handshake is one for all of them. */
const forgotten = (unknownSession, count) => ({
  name: `session forgotten, told as ${unknownSession.status}: ${count === 1 ? 'the next call costs' : `${count} calls at once cost`} one handshake, and nothing runs twice`,
  transports: ['sse', 'http'],
  async run(stage) {
    const upstream = await stage.startUpstream();
    const bridge = await stage.connect(upstream);
    await bridge.result(bridge.call('echo'));
    const { initializeCount } = upstream;
    upstream.unknownSession = unknownSession;
    upstream.forgetSessions();
    const keys = Array.from({ length: count }, (_, index) => `call ${index}`);
    const ids = keys.map((key) => bridge.call('counter', { key }));
    for (const id of ids) await bridge.result(id, RECOVERED_MS, 'a call of the forgotten session');
    for (const key of keys) assert.equal(upstream.runs.get(key), 1, `${key} ran ${upstream.runs.get(key)} times`);
    assert.equal(upstream.initializeCount - initializeCount, 1, 'handshakes after the session was forgotten');
  },
});

/** @type {import('../stage.mjs').Scenario[]} */
export const session = [
  ...GONE.flatMap((unknownSession) => COUNTS.map((count) => forgotten(unknownSession, count))),
  {
    name: 'after a silent re-handshake: log level and subscriptions are set again, once, as they were last',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      for (const level of ['debug', 'warning']) await bridge.result(bridge.request('logging/setLevel', { level }));
      for (const uri of upstream.resources) await bridge.result(bridge.request('resources/subscribe', { uri }));
      await bridge.result(bridge.request('resources/unsubscribe', { uri: upstream.resources[0] }));
      const renewed = await restart(upstream, bridge);
      await until(2000, 'the new session is told the log level', () => renewed().methods.includes('logging/setLevel'));
      await until(2000, 'the new session is told of the subscription', () =>
        renewed().methods.includes('resources/subscribe'),
      );
      await pass(300);
      const params = (method) =>
        renewed().messages.flatMap((message) => (message.method === method ? [message.params] : []));
      assert.deepEqual(params('logging/setLevel'), [{ level: 'warning' }]);
      assert.deepEqual(params('resources/subscribe'), [{ uri: upstream.resources[1] }]);
      assert.deepEqual(params('resources/unsubscribe'), []);
    },
  },
  {
    name: 'after a silent re-handshake with the same lists: the client is told of no change',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await list(bridge);
      await restart(upstream, bridge);
      await pass(1000);
      assert.deepEqual(
        bridge.notifications.map(({ method }) => method),
        [],
      );
    },
  },
  ...['tools', 'prompts', 'resources'].map((kind) => ({
    name: `after a silent re-handshake with other ${kind}: the client is told so, and of no other list`,
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      await list(bridge);
      upstream[kind] = [...upstream[kind], 'staged://new'];
      await restart(upstream, bridge);
      await bridge.notified(`notifications/${kind}/list_changed`, 3000);
      await pass(300);
      assert.deepEqual(
        bridge.notifications.map(({ method }) => method),
        [`notifications/${kind}/list_changed`],
      );
    },
  })),
];

async function list(bridge) {
  for (const kind of ['tools', 'prompts', 'resources']) await bridge.result(bridge.request(`${kind}/list`));
}

/** Restarts the server, and waits until the bridge has answered a call in its new session, which is given. */
async function restart(upstream, bridge) {
  await upstream.restart();
  await bridge.result(bridge.call('echo', { key: 'after the restart' }), RECOVERED_MS, 'the call after the restart');
  const isNew = ({ messages }) => messages.some(({ params }) => params?.arguments?.key === 'after the restart');
  return () => upstream.allSessions.find(isNew);
}
