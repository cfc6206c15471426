import { afterEach, describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { type Asked, askedStage, askableRequest as request, type Stage } from '../parts/asked-stage.ts';
import { until } from '../parts/deadline.ts';
import { type MemoryTransport, messageOf, rejectionOf } from '../parts/memory-transport.ts';

let open: Stage | undefined;
afterEach(async () => {
  await open?.close();
});

function stage(options: { waitMs?: number } = {}): Stage {
  open = askedStage(options);
  return open;
}

const stateOf = ({ log }: Asked): string => JSON.parse(log.messages.at(-1) ?? '').result.requestState;
const retry = (id: string, asked: Asked, responses?: string): string =>
  request(id, `,"requestState":"${stateOf(asked)}"${responses === undefined ? '' : `,"inputResponses":${responses}`}`);
const sentBy = (server: MemoryTransport | undefined, method: string): string[] =>
  server?.sent.filter((text) => messageOf(text).method === method) ?? [];
const callIdOf = (server: MemoryTransport | undefined): string | undefined =>
  messageOf(sentBy(server, 'tools/call').at(-1) ?? '').id;
const ROOTS = '{"jsonrpc":"2.0","id":"r","method":"roots/list"}';
const elicit = (id: string): string => `{"jsonrpc":"2.0","id":${id},"method":"elicitation/create","params":{}}`;

describe('a server that asks during a call', () => {
  it('has its question passed on byte for byte, and gets the answer so, and the call is sent once', async () => {
    const { servers, send, waiting } = stage();
    const first = await send(request('1'));
    const [server] = servers;
    const params = '{ "n":12345678901234567890, "message":"h\\u00e9", "requestedSchema":{"1.0":1.0} }';
    await server!.tell(`{"jsonrpc":"2.0","id":"s-7","method":"elicitation/create","params":${params}}`);
    expect(first.log.messages).toEqual([
      `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{"input-1":{"method":"elicitation/create","params":${params}}},"requestState":"${stateOf(first)}"}}`,
    ]);
    await first.upstream.close();
    const second = await send(retry('2', first, '{"other":1,"input-1": { "action":"accept","n":1e400 } }'));
    expect(server!.sent.at(-1)).toBe('{"jsonrpc":"2.0","id":"s-7","result":{ "action":"accept","n":1e400 }}');
    await server!.tell(`{"jsonrpc":"2.0","id":${callIdOf(server)},"result":{"content":[]}}`);
    expect(second.log.messages).toEqual(['{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","content":[]}}']);
    expect(sentBy(server, 'tools/call')).toHaveLength(1);
    expect(sentBy(server, 'notifications/cancelled')).toEqual([]);
    expect([servers.length, waiting.size]).toEqual([1, 0]);
  });

  it('has what the client leaves out asked again, with what it asked meanwhile, under a new state', async () => {
    const { servers, send } = stage();
    const first = await send(request('1'));
    const [server] = servers;
    await server!.tell(ROOTS);
    await server!.tell(elicit('5'));
    const second = await send(retry('2', first, '{"input-1":{"roots":[]}}'));
    expect(server!.sent.at(-1)).toBe('{"jsonrpc":"2.0","id":"r","result":{"roots":[]}}');
    const asked = JSON.parse(second.log.messages[0] ?? '').result;
    expect(asked.inputRequests).toEqual({ 'input-2': { method: 'elicitation/create', params: {} } });
    expect(stateOf(second)).not.toBe(stateOf(first));
    const third = await send(retry('3', second));
    expect(JSON.parse(third.log.messages[0] ?? '').result.inputRequests).toEqual(asked.inputRequests);
    expect(sentBy(server, 'tools/call')).toHaveLength(1);
  });

  it.each([
    ['a list', '[]'],
    ['a text for a result', '{"input-1":"yes"}'],
    ['two answers to one question', '{"input-1":{},"input-1":{}}'],
  ])('is not told of %s, which the client can correct', async (_what, responses) => {
    const { servers, send, waiting } = stage();
    const first = await send(request('1'));
    await servers[0]!.tell(ROOTS);
    const before = servers[0]!.sent.length;
    expect((await rejectionOf(send(retry('2', first, responses)))).code).toBe('invalid_params');
    expect([servers[0]!.sent.length, waiting.size]).toEqual([before, 1]);
    await send(retry('3', first, '{"input-1":{}}'));
    expect(servers[0]!.sent.at(-1)).toBe('{"jsonrpc":"2.0","id":"r","result":{}}');
  });

  it.each([
    ['of another principal', (asked: Asked) => retry('2', asked), 'bob'],
    ['for another tool', (asked: Asked) => retry('2', asked).replace('"name":"x"', '"name":"y"'), 'alice'],
    ['for another method', (asked: Asked) => retry('2', asked).replace('tools/call', 'prompts/get'), 'alice'],
    [
      'with two states',
      (asked: Asked) => retry('2', asked).replace('"requestState"', '"requestState":"a",$&'),
      'alice',
    ],
  ])('hears nothing of a retry %s', async (_what, change, principal) => {
    const { servers, send, waiting } = stage();
    const first = await send(request('1'));
    await servers[0]!.tell(ROOTS);
    const error = await rejectionOf(send(change(first), principal));
    expect([error.code, error.rpcCode, error.sentence]).toEqual([
      'invalid_params',
      -32602,
      'params.requestState is not that of a call that waits for input',
    ]);
    expect([servers.length, sentBy(servers[0], 'tools/call').length, waiting.size]).toEqual([1, 1, 1]);
  });

  it('is told when the client does not come back, and the call is freed', async () => {
    const { servers, send, waiting, sessions } = stage({ waitMs: 20 });
    const first = await send(request('1'));
    const [server] = servers;
    await server!.tell(ROOTS);
    await until('the call to be given up', () => waiting.size === 0);
    expect(server!.sent.slice(-2)).toEqual([
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${callIdOf(server)},"reason":"the client left"}}`,
      '{"jsonrpc":"2.0","id":"r","error":{"code":-32603,"message":"The client did not answer"}}',
    ]);
    expect((await rejectionOf(send(retry('2', first)))).code).toBe('invalid_params');
    await send(request('3'));
    expect(sessions.size).toBe(1);
  });

  it('is told when what waits is given up as a whole, and nothing waits from then on', async () => {
    const { servers, send, waiting } = stage();
    await send(request('1'));
    await servers[0]!.tell(ROOTS);
    waiting.close();
    expect([sentBy(servers[0], 'notifications/cancelled').length, waiting.size]).toEqual([1, 0]);
    const { log } = await send(request('2'));
    await servers[0]!.tell(ROOTS);
    expect(servers[0]!.sent.at(-1)).toContain('"error":{"code":-32603,');
    expect(log.messages).toEqual([]);
  });

  it('is told when the client leaves after it came back', async () => {
    const { servers, send } = stage();
    const first = await send(request('1'));
    await servers[0]!.tell(ROOTS);
    const second = await send(retry('2', first, '{"input-1":{}}'));
    await second.upstream.close();
    expect(sentBy(servers[0], 'notifications/cancelled')).toHaveLength(1);
  });

  it('may answer while the client is away, or be lost, and the client hears that when it comes', async () => {
    const { servers, send } = stage();
    const answered = await send(request('1'));
    await servers[0]!.tell(ROOTS);
    await servers[0]!.tell(`{"jsonrpc":"2.0","id":${callIdOf(servers[0])},"result":{"late":1}}`);
    const lost = await send(request('2'));
    await servers[0]!.tell(ROOTS);
    servers[0]!.events.end(new DrawbridgeError('upstream_lost', 'it is gone'));
    expect((await send(retry('3', answered))).log.messages).toEqual([
      '{"jsonrpc":"2.0","id":3,"result":{"resultType":"complete","late":1}}',
    ]);
    expect((await send(retry('4', lost, '{"input-1":{}}'))).log.messages[0]).toContain('"id":4,"error"');
  });

  it('may take its question back', async () => {
    const { servers, send } = stage();
    const first = await send(request('1'));
    const [server] = servers;
    await server!.tell(ROOTS);
    await server!.tell('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"r"}}');
    const before = server!.sent.length;
    const second = await send(retry('2', first, '{"input-1":{}}'));
    expect([server!.sent.length, second.log.messages]).toEqual([before, []]);
  });

  it('tells its progress to the request that waits, under that one\u2019s token', async () => {
    const { servers, send } = stage();
    const first = await send(request('1', '', { meta: ',"progressToken":"one"' }));
    const [server] = servers;
    await server!.tell(ROOTS);
    const resumed = retry('2', first, '{"input-1":{}}').replace('"_meta":{', '"_meta":{"progressToken":"two",');
    const { log } = await send(resumed);
    const id = callIdOf(server);
    await server!.tell(
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${id},"progress":1}}`,
    );
    expect(log.messages).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"two","progress":1}}',
    ]);
  });
});

describe('a question of a server', () => {
  const refusal = (code: number): string => `"error":{"code":${code},`;

  it.each([
    ['outside of any call', 'tools/list', '{"roots":{}}', -32603],
    ['that the client cannot be asked', 'tools/call', '{"sampling":{}}', -32601],
    ['of a client that can nothing', 'tools/call', '{}', -32601],
  ])('%s is refused', async (_what, method, capabilities, code) => {
    const { servers, send } = stage();
    const { log } = await send(request('1', '', { method, capabilities }));
    await servers[0]!.tell(ROOTS);
    expect(servers[0]!.sent.at(-1)).toContain(refusal(code));
    expect(log.messages).toEqual([]);
  });

  it('goes to the one call of its session: calls at the same time have others, until there are eight', async () => {
    const { servers, send } = stage();
    const calls: Asked[] = [];
    for (let id = 1; id <= 9; id++) calls.push(await send(request(String(id))));
    expect(servers).toHaveLength(8);
    await servers[1]!.tell(ROOTS);
    expect(calls.map(({ log }) => log.messages.length)).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0]);
    const [shared] = servers;
    await shared!.tell(ROOTS);
    expect(shared!.sent.at(-1)).toContain(refusal(-32603));
    await shared!.tell(ROOTS, { relatedTo: messageOf(sentBy(shared, 'tools/call')[1] ?? '').key });
    expect(calls.map(({ log }) => log.messages.length)).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 1]);
  });

  it('is refused where its client has sixteen calls waiting already, and where one call has sixteen questions', async () => {
    const { servers, send, waiting } = stage();
    const ask = async (mark: number): Promise<Asked> => {
      const asked = await send(request('1', `,"mark":${mark}`));
      server = servers.find(({ sent }) => sent.at(-1)?.includes(`"mark":${mark}}`));
      await server?.tell(ROOTS, { relatedTo: messageOf(server.sent.at(-1) ?? '').key });
      return asked;
    };
    let server: MemoryTransport | undefined;
    for (let count = 0; count < 16; count++) await ask(count);
    expect(waiting.size).toBe(16);
    const last = await ask(16);
    expect(server?.sent.at(-1)).toContain(refusal(-32603));
    expect(last.log.messages).toEqual([]);
    const other = await send(request('1'), 'bob');
    const ofBob = servers.at(-1)!;
    for (let id = 0; id < 16; id++) await ofBob.tell(elicit(String(id)));
    expect(ofBob.sent.at(-1)).toContain('tools/call');
    await ofBob.tell(elicit('16'));
    expect(ofBob.sent.at(-1)).toContain(refusal(-32603));
    expect(other.log.messages).toHaveLength(1);
  });
});
