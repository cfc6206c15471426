import { describe, expect, it } from 'vitest';
import { errorFor, joined, lost } from '../parts/joined-relay.ts';
import { answer, rejectionOf, request, settleable } from '../parts/memory-transport.ts';

describe('a relay', () => {
  it('passes messages on as the same bytes, both ways', async () => {
    const { down, up } = await joined();
    const asked = '{ "id":9007199254740993 ,"method":"tools/call","params":{"n":12345678901234567890.123456}}';
    await down.tell(asked);
    down.tell('{"method":"notifications/x","params":{"s":"\\ud800"}}');
    up.tell('{"result":{"n":1.10},\n"id":9007199254740993}');
    up.tell('{"method":"notifications/message"}');
    expect(up.sent).toEqual([asked, '{"method":"notifications/x","params":{"s":"\\ud800"}}']);
    expect(down.sent).toEqual(['{"result":{"n":1.10},\n"id":9007199254740993}', '{"method":"notifications/message"}']);
  });

  it('passes the route on with the message', async () => {
    const { down, up } = await joined();
    up.tell('{"method":"notifications/progress"}', { relatedTo: '1', eventId: '7' });
    expect(down.routes).toEqual([{ relatedTo: '1', eventId: '7' }]);
  });

  it('lets a request of the server be answered once', async () => {
    const { down, up, warnings } = await joined();
    up.tell(request('1', 'sampling/createMessage'));
    await down.tell(answer('1'));
    await down.tell(answer('1'));
    await down.tell(answer('2'));
    expect(up.sent).toEqual([answer('1')]);
    expect(warnings).toEqual(Array(2).fill('dropped a message that answers no open request of the server'));
  });

  it('keeps the ids of the two directions apart', async () => {
    const { down, up } = await joined();
    await down.tell(request('1'));
    up.tell(request('1', 'roots/list'));
    up.tell(answer('1', '"of the server"'));
    await down.tell(answer('1', '"of the client"'));
    expect(down.sent).toEqual([request('1', 'roots/list'), answer('1', '"of the server"')]);
    expect(up.sent).toEqual([request('1'), answer('1', '"of the client"')]);
  });
});

describe('an answer', () => {
  it('is delivered once, however often the server sends it', async () => {
    const { down, up, warnings } = await joined();
    await down.tell(request('1'));
    up.tell(answer('1', '"first"'));
    up.tell(answer('1', '"second"'));
    expect(down.sent).toEqual([answer('1', '"first"')]);
    expect(warnings).toEqual(['dropped a message that answers no open request of the client']);
  });

  it.each(['2', '"1"', '9007199254740992'])('with the id %s, which nobody asked with, is dropped', async (id) => {
    const { down, up, relay } = await joined();
    await down.tell(request('1'));
    await down.tell(request('9007199254740993'));
    up.tell(answer(id));
    expect(down.sent).toEqual([]);
    expect(relay.pendingCount).toBe(2);
  });

  it.each([
    ['1e2', '100'],
    ['-0', '0'],
    ['"\\u00e9"', '"é"'],
    ['"a/b"', '"a\\/b"'],
  ])('to %s is recognised when the server spells it %s', async (asked, answered) => {
    const { down, up, relay } = await joined();
    await down.tell(request(asked));
    up.tell(answer(answered));
    expect(down.sent).toEqual([answer(answered)]);
    expect(relay.pendingCount).toBe(0);
  });

  it('with a null id goes to the only open request, with its id', async () => {
    const { down, up } = await joined();
    await down.tell(request('9007199254740993'));
    up.tell('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error","data":1.10}}');
    const expected =
      '{"jsonrpc":"2.0","id":9007199254740993,"error":{"code":-32700,"message":"Parse error","data":1.10}}';
    up.tell(answer('9007199254740993'));
    expect(down.sent).toEqual([expected]);
  });

  it.each([
    '{"jsonrpc":"2.0","id":null,"result":{}}',
    '{"id":null,"error":1,"error":2}',
  ])('without an id that is no error as it should be, such as %s, ends the only open request with an error', async (text) => {
    const { down, up } = await joined();
    await down.tell(request('9007199254740993'));
    up.tell(text);
    const reply = JSON.parse(down.sent[0]!) as { error: { message: string; data: { reason: string } } };
    expect(down.sent[0]).toContain('"id":9007199254740993,');
    expect(reply.error.message).toContain(`the MCP server answered without an id: ${text}`);
    expect(reply.error.data.reason).toBe('upstream_error');
  });

  it('with a null id is dropped when it could mean any of two requests', async () => {
    const { down, up, relay } = await joined();
    await down.tell(request('1'));
    await down.tell(request('2'));
    up.tell('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}');
    expect(down.sent).toEqual([]);
    expect(relay.pendingCount).toBe(2);
  });

  it.each(['nope', '[]', '{"a":1}'])('that is no message, such as %s, is dropped', async (text) => {
    const { down, up, warnings } = await joined();
    up.tell(text);
    expect(down.sent).toEqual([]);
    expect(warnings).toEqual(['dropped a message that is no JSON-RPC message']);
  });
});

describe('a request', () => {
  it('whose id is open is refused to whoever brought it, and not sent', async () => {
    const { down, up } = await joined();
    await down.tell(request('1e2'));
    expect(() => down.tell(request('100'))).toThrow(expect.objectContaining({ code: 'duplicate_id' }));
    expect(up.sent).toHaveLength(1);
  });

  it('that is one too many is refused, and one fits again after an answer', async () => {
    const { down, up } = await joined({ maxPending: 2 });
    await down.tell(request('1'));
    await down.tell(request('2'));
    expect(() => down.tell(request('3'))).toThrow(expect.objectContaining({ code: 'too_many_pending' }));
    up.tell(answer('1'));
    await down.tell(request('3'));
    expect(up.sent).toHaveLength(3);
  });

  it('that was cancelled makes room for another when there is none', async () => {
    const { down } = await joined({ maxPending: 1 });
    await down.tell(request('1'));
    down.tell('{"method":"notifications/cancelled","params":{"requestId":1}}');
    await down.tell(request('2'));
  });

  it('that was cancelled is known by the bytes of its id', async () => {
    const { down } = await joined({ maxPending: 1 });
    await down.tell(request('9007199254740993'));
    down.tell('{"method":"notifications/cancelled","params":{"requestId":9007199254740992}}');
    expect(() => down.tell(request('2'))).toThrow(expect.objectContaining({ code: 'too_many_pending' }));
    down.tell('{"method":"notifications/cancelled","params":{"requestId":9007199254740993}}');
    await down.tell(request('2'));
  });

  it('may have its id used again after its answer', async () => {
    const { down, up } = await joined();
    for (const round of ['"a"', '"b"']) {
      await down.tell(request('1'));
      up.tell(answer('1', round));
    }
    expect(down.sent).toEqual([answer('1', '"a"'), answer('1', '"b"')]);
  });

  it('that could not be sent is told to whoever brought it, and its late answer dropped', async () => {
    const { down, up, relay } = await joined();
    up.onSend = () => Promise.reject(lost);
    expect(await rejectionOf(down.tell(request('1')))).toBe(lost);
    expect(relay.pendingCount).toBe(0);
    up.tell(answer('1'));
    expect(down.sent).toEqual([]);
  });

  it('whose sending fails at once is told too, and not kept as open', async () => {
    const { down, up, relay } = await joined();
    up.onSend = () => {
      throw lost;
    };
    expect(await rejectionOf((async () => down.tell(request('1')))())).toBe(lost);
    expect(relay.pendingCount).toBe(0);
  });

  it('whose answer overtakes a failed send is not answered twice', async () => {
    const { down, up } = await joined();
    const send = settleable();
    up.onSend = () => send.promise;
    const told = down.tell(request('1'));
    up.tell(answer('1'));
    send.reject(lost);
    await told;
    expect(down.sent).toEqual([answer('1')]);
  });

  it('whose sending fails after the loss of the upstream has answered it is not answered twice', async () => {
    const { down, up } = await joined();
    const send = settleable();
    up.onSend = () => send.promise;
    const told = down.tell(request('1'));
    up.events.end(lost);
    send.reject(lost);
    await told;
    expect(down.sent).toEqual([errorFor('1')]);
  });

  it('of the server whose id is open is dropped', async () => {
    const { down, up, warnings } = await joined();
    up.tell(request('1', 'roots/list'));
    up.tell(request('1', 'roots/list'));
    expect(down.sent).toHaveLength(1);
    expect(warnings).toEqual([
      'dropped a message that is one open request of the server too many, or uses an id again',
    ]);
  });
});
