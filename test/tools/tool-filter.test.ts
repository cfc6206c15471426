import { describe, expect, it } from 'vitest';
import { intercept } from '../../src/relay/intercept.ts';
import { createToolFilter } from '../../src/tools/tool-filter.ts';
import { matchToolNames } from '../../src/tools/tool-names.ts';
import { lost } from '../parts/joined-relay.ts';
import { answer, EventLog, MemoryTransport, messageOf, quietly, request } from '../parts/memory-transport.ts';

async function filtered() {
  const up = new MemoryTransport();
  const outer = intercept(up, createToolFilter(matchToolNames({ ignore: ['delete*'] })));
  const log = new EventLog();
  await outer.start(log);
  const send = (text: string): void => quietly(outer.send(messageOf(text)));
  return { up, log, send };
}

const call = (params: string, id = '1'): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`;
const TOOLS = '{"tools":[{"name":"read"},{"name":"delete_row"}]}';
const LEFT = '{"tools":[{"name":"read"}]}';

describe('a call of a tool that is hidden', () => {
  it('is answered with an error and goes nowhere', async () => {
    const { up, log, send } = await filtered();
    send(call('{"name":"Delete_Row","arguments":{}}', '9007199254740993'));
    expect(up.sent).toEqual([]);
    expect(log.messages).toEqual([
      '{"jsonrpc":"2.0","id":9007199254740993,"error":{"code":-32603,"message":"Tool \\"Delete_Row\\" is not available","data":{"reason":"tool_not_available","hint":"The options --ignore-tool and --allow-tool say which tools there are."}}}',
    ]);
    expect(log.routes).toEqual([{ relatedTo: '9007199254740993' }]);
  });

  it.each([
    call('{"name":"\\u0064elete"}'),
    call('{"n\\u0061me":"delete"}'),
    '{"id":1,"m\\u0065thod":"tools/call","method":"tools/list","params":{"name":"delete"}}',
    '{"id":1,"method":"tools\\/call","params":{"name":"delete"}}',
    '{"id":1,"method":"ping","Method":"tools/call","params":{"name":"delete"}}',
    '{"id":1,"method":"tools/call","params":{"name":"read"},"params":{"name":"delete"}}',
    '{"id":1,"method":"tools/call","params":{"name":"read"},"param\u017f":{"name":"delete"}}',
    call('{"name":"read","name":"delete"}'),
    call('{"name":"read","NAME":"delete"}'),
    call('{"name":5}'),
    call('{}'),
    call('[]'),
    call('{"name":"read"'),
    '{"id":1,"method":"tools/call"}',
    '{"method":"tools/call","params":{"name":"delete"}}',
    '{"id":1,"result":{},"method":"tools/call","params":{"name":"delete"}}',
    '[{"id":1,"method":"tools/call","params":{"name":"delete"}}]',
    'nonsense',
  ])('or that may be one, such as %s, goes nowhere', async (text) => {
    const { up, log, send } = await filtered();
    send(text);
    expect(up.sent).toEqual([]);
    expect(log.messages).toHaveLength(messageOf(text).kind === 'request' ? 1 : 0);
    for (const message of log.messages)
      expect(message).toMatch(/"id":1,.*"reason":"(tool_not_available|invalid_request)"/);
  });

  it('has its name quoted up to a limit', async () => {
    const { log, send } = await filtered();
    send(call(`{"name":"delete${'x'.repeat(100_000)}"}`));
    expect(log.messages[0]?.length).toBeLessThan(400);
  });
});

describe('everything else', () => {
  it.each([
    call('{"name":"read","arguments":{"name":"delete","method":"x"}}'),
    request('1', 'ping'),
    '{"method":"notifications/cancelled","params":{"requestId":1}}',
    answer('1', '{"method":"tools/call"}'),
  ])('such as %s passes as it is, either way', async (text) => {
    const { up, log, send } = await filtered();
    send(text);
    up.tell(text);
    expect([up.sent, log.messages]).toEqual([[text], [text]]);
  });
});

describe('the answer to tools/list', () => {
  it('loses what is hidden, and is known by the id of the request, however that is spelled', async () => {
    const { up, log, send } = await filtered();
    send(request('1e2', 'tools/list'));
    send(request('"1"', 'tools/call').replace('{}', '{"name":"read"}'));
    up.tell(answer('"1"', TOOLS));
    up.tell(answer('100', TOOLS));
    up.tell(answer('100', TOOLS));
    expect(log.messages).toEqual([answer('"1"', TOOLS), answer('100', LEFT), answer('100', TOOLS)]);
  });

  it('is an error where it cannot be read for certain', async () => {
    const { up, log, send } = await filtered();
    send(request('1', 'tools/list'));
    up.tell(answer('1', '{"tools":[{"name":"delete"}],"tools":[]}'));
    expect(log.messages[0]).toContain('"id":1,"error":{"code":-32603,"message":"the list of tools cannot be read"');
    expect(log.messages[0]).toContain('"reason":"upstream_invalid"');
  });

  it('may be an error, which passes', async () => {
    const { up, log, send } = await filtered();
    send(request('1', 'tools/list'));
    up.tell('{"id":1,"error":{"code":-32601}}');
    expect(log.messages).toEqual(['{"id":1,"error":{"code":-32601}}']);
  });

  it('is waited for no longer when the request could not be sent', async () => {
    const { up, log, send } = await filtered();
    up.onSend = () => {
      throw lost;
    };
    expect(() => send(request('1', 'tools/list'))).toThrow();
    up.tell(answer('1', TOOLS));
    expect(log.messages).toEqual([answer('1', TOOLS)]);
  });

  it('is waited for by a bounded number of requests, of which those that were cancelled give way', async () => {
    const { up, log, send } = await filtered();
    for (let id = 0; id < 1024; id++) send(request(String(id), 'tools/list'));
    send(request('2000', 'tools/list'));
    expect(log.messages[0]).toContain('"reason":"too_many_pending"');
    send('{"method":"notifications/cancelled","params":{"requestId":5}}');
    send(request('2001', 'tools/list'));
    up.tell(answer('2001', TOOLS));
    expect(log.messages.slice(1)).toEqual([answer('2001', LEFT)]);
    expect(up.sent).toHaveLength(1026);
  });
});
