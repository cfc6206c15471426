import assert from 'node:assert/strict';
import { expectNamed } from '../bridge.mjs';

// Odd lines from the client, odd answers from the server: each gets a reply, and the next call works.

const REPLY_MS = 3000;

const MALFORMED = [
  { what: 'a line that is no JSON', line: '{"jsonrpc":"2.0","id":5,"method":' },
  { what: 'a line that is a number', line: '42' },
  { what: 'a line that is null', line: 'null' },
  { what: 'a line that is a string', line: '"tools/list"' },
  { what: 'an empty batch', line: '[]' },
];

const malformed = ({ what, line }) => ({
  name: `${what}: an error with the id null comes back, and the next call works`,
  transports: ['sse', 'http'],
  async run(stage) {
    const upstream = await stage.startUpstream();
    const bridge = await stage.connect(upstream);
    bridge.expectAnswerTo('null');
    bridge.write(`${line}\n`);
    const { code } = await bridge.error('null', REPLY_MS, 'the malformed line gets a reply');
    assert([-32700, -32600].includes(code), `the code is ${code}`);
    await bridge.result(bridge.call('echo'), REPLY_MS, 'the call after it');
  },
});

/** What a server may say to a request instead of an answer. */
const ODD_ANSWERS = [
  { what: '200 with an empty body', response: { status: 200 } },
  { what: '200 with an empty JSON body', response: { status: 200, headers: { 'content-type': 'application/json' } } },
  { what: '202', response: { status: 202 } },
  { what: '204', response: { status: 204 } },
  { what: '500', response: { status: 500, body: 'oh no' } },
  { what: '429', response: { status: 429, body: 'slow down' } },
  {
    what: 'an event stream that ends',
    response: { status: 200, headers: { 'content-type': 'text/event-stream' }, body: ': bye\n\n' },
  },
  {
    what: 'an error with the id null',
    response: {
      status: 400,
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"Bad Request: of a kind of its own"}}',
    },
  },
  {
    what: 'an answer to another request',
    response: {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":"of nobody","result":{}}',
    },
  },
];

const oddAnswer = ({ what, response }) => ({
  name: `server answers a call with ${what}: the call gets an error, and the next one works`,
  transports: ['http'],
  async run(stage) {
    const upstream = await stage.startUpstream();
    const bridge = await stage.connect(upstream);
    upstream.respond = ({ message }) => (message?.params?.name === 'counter' ? response : undefined);
    const id = bridge.call('counter', { key: 'odd' });
    await bridge.error(id, REPLY_MS, 'the call with an odd answer');
    await bridge.result(bridge.call('echo'), REPLY_MS, 'the call after it');
  },
});

/** What parsing and writing again would change. */
const EXACT =
  '{"z":1,"a":12345678901234567890.123456,"big":9007199254740993,"e":1e2,"minus":-0,"esc":"\\u0041\\/\\ud800","sep":"\u2028","content":[]}';
const EXACT_IDS = ['0', '-1', '""', '12', '"12"', '9007199254740993', '1e2', '"s\\u0065ven"'];

/** @type {import('../stage.mjs').Scenario[]} */
export const fidelity = [
  ...MALFORMED.map(malformed),
  {
    name: 'a batch: refused with an error, or each of its requests is answered; never silence',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      const ids = ['null', '901', '902'];
      for (const id of ids) bridge.expectAnswerTo(id);
      const batch = ['901', '902'].map((id) => `{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`);
      bridge.write(`[${batch.join(',')}]\n`);
      const refused = bridge.error('null', REPLY_MS);
      const answered = Promise.all(['901', '902'].map((id) => bridge.answer(id, REPLY_MS)));
      await Promise.any([refused, answered]).catch(() => assert.fail('the batch got no reply at all'));
      await bridge.result(bridge.call('echo'), REPLY_MS, 'the call after it');
    },
  },
  {
    name: 'an unknown method and unknown members: the server decides, and its answer comes back',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      const { code } = await bridge.error(bridge.request('no/such/method'), REPLY_MS);
      assert.equal(code, -32601);
      bridge.expectAnswerTo('77');
      bridge.write('{"jsonrpc":"2.0","id":77,"method":"tools/list","params":{},"extension":{"of":"mine"}}\n');
      await bridge.result('77', REPLY_MS, 'a request with a member that nobody knows');
      const seen = upstream.messages.find(({ id }) => id === 77);
      assert.deepEqual(seen.extension, { of: 'mine' });
    },
  },
  {
    name: 'ids and numbers beyond what JavaScript holds come back byte for byte',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      for (const id of EXACT_IDS) {
        bridge.call('raw', { json: EXACT }, id);
        const { line } = await bridge.answer(id, REPLY_MS);
        assert.equal(line, `{"jsonrpc":"2.0","id":${id},"result":${EXACT}}`);
      }
    },
  },
  {
    name: 'the server is odd about notifications: the bridge lives, and the next call works',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      for (const status of [200, 204, 400, 500]) {
        upstream.respond = ({ message }) => (message?.method === 'notifications/progress' ? { status } : undefined);
        bridge.notify('notifications/progress', { progressToken: status, progress: 1 });
        await bridge.result(bridge.call('echo'), REPLY_MS, `the call after a notification that met ${status}`);
      }
    },
  },
  ...ODD_ANSWERS.map(oddAnswer),
  {
    name: 'server refuses a call with HTTP 500: the error names the server, the status and what it said',
    transports: ['sse', 'http'],
    async run(stage) {
      const upstream = await stage.startUpstream();
      const bridge = await stage.connect(upstream);
      upstream.respond = ({ message }) =>
        message?.method === 'tools/call' ? { status: 500, body: 'disk full' } : undefined;
      const error = await bridge.error(bridge.call('echo'), REPLY_MS, 'the call');
      expectNamed(error, upstream);
      assert.match(error.message, /500/);
      assert.match(error.message, /disk full/);
    },
  },
];
