import { afterEach, describe, expect, it, vi } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import type { Message } from '../../src/message/message.ts';
import { ModernSession } from '../../src/translation/modern-session.ts';
import { until } from '../parts/deadline.ts';
import { turn } from '../parts/joined-relay.ts';
import { answer, EventLog, MemoryTransport, messageOf, quietly, rejectionOf } from '../parts/memory-transport.ts';

const CAPABILITIES = '{"tools":{"listChanged":true},"resources":{"subscribe":true},"x":1.0}';
const INFO = '"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}';
const DISCOVERED = `{"supportedVersions":["2026-07-28"],"capabilities":${CAPABILITIES},"instructions":"h\\u00e9",${INFO}}`;
const initialize = (version = '2025-06-18'): string =>
  `{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"${version}","capabilities":{"roots":{}},"clientInfo":{"name":"c","version":"1e2"}}}`;
const META =
  '"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1e2"}';
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';
const call = (id: string): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"a","arguments":{"n":1.0}}}`;

/** One exchange with the server: what it was sent, and the hand that answers. */
interface Exchange {
  readonly transport: MemoryTransport;
  readonly headers: string;
  sent(): Message;
}

class Stage {
  readonly exchanges: Exchange[] = [];
  readonly log = new EventLog();
  closed = 0;
  /** What each request meets when it is sent. */
  onSend: (text: string) => void | Promise<void> = () => {};
  readonly session = new ModernSession({
    connect: (headers) => {
      const transport = new MemoryTransport();
      transport.onSend = (text) => this.onSend(text);
      this.exchanges.push({ transport, headers, sent: () => messageOf(transport.sent[0] ?? '') });
      return transport;
    },
    onClose: () => void this.closed++,
    logger: silentLogger,
  });

  constructor() {
    quietly(this.session.start(this.log));
  }

  get last(): Exchange {
    return this.exchanges.at(-1)!;
  }

  async initialize(version?: string, result = DISCOVERED): Promise<string> {
    await this.session.send(messageOf(initialize(version)));
    quietly(this.last.transport.tell(answer('"i"', result)));
    return this.log.messages.at(-1) ?? '';
  }

  /** Begins a call, and gives its exchange. */
  async call(id = '7'): Promise<Exchange> {
    await this.session.send(messageOf(call(id)));
    return this.last;
  }
}

const stages: Stage[] = [];
async function stage(isInitialized = true): Promise<Stage> {
  const made = new Stage();
  stages.push(made);
  if (isInitialized) await made.initialize();
  return made;
}
afterEach(async () => {
  vi.useRealTimers();
  for (const { session } of stages.splice(0)) await session.close();
});

describe('initialize', () => {
  it.each([
    ['2025-11-25', '2025-11-25'],
    ['2024-11-05', '2024-11-05'],
    ['2026-07-28', '2025-11-25'],
    ['1.0', '2025-11-25'],
  ])('with %s is answered with %s, and what the server says of itself', async (asked, given) => {
    const it = await stage(false);
    expect(await it.initialize(asked)).toBe(
      `{"jsonrpc":"2.0","id":"i","result":{"protocolVersion":"${given}","capabilities":${CAPABILITIES},"serverInfo":{"name":"s","version":"1"},"instructions":"h\\u00e9"}}`,
    );
    expect(it.exchanges[0]?.transport.sent).toEqual([
      `{"params":{"_meta":{${META}}},"jsonrpc":"2.0","id":"i","method":"server/discover"}`,
    ]);
    expect(it.exchanges[0]?.headers).toBe('MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: server/discover\r\n');
  });

  it('gets the error that the server has, and one where it knows another revision alone', async () => {
    const it = await stage(false);
    await it.session.send(messageOf(initialize()));
    const error = '{"jsonrpc":"2.0","id":"i","error":{"code":1,"message":"no","data":1.0}}';
    quietly(it.last.transport.tell(error));
    expect(it.log.messages).toEqual([error]);
    expect(await it.initialize('2025-06-18', '{"supportedVersions":["2099-01-01"]}')).toContain('"upstream_error"');
  });

  it('comes before everything else', async () => {
    const it = await stage(false);
    expect(await rejectionOf(it.session.send(messageOf(call('1'))))).toMatchObject({ code: 'invalid_request' });
    expect(it.exchanges).toEqual([]);
  });
});

describe('a request', () => {
  it('goes with what the client has said of itself, and its answer comes as it is', async () => {
    const it = await stage();
    const { transport, headers } = await it.call('1.50');
    expect(transport.sent).toEqual([
      `{"jsonrpc":"2.0","id":1.50,"method":"tools/call","params":{"_meta":{${META}},"name":"a","arguments":{"n":1.0}}}`,
    ]);
    expect(headers).toBe('MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: a\r\n');
    const result = '{"jsonrpc":"2.0","id":1.50,"result":{"resultType":"complete","n":1.0e0}}';
    quietly(transport.tell('{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1.0}}'));
    quietly(transport.tell(result, { status: 400 }));
    quietly(transport.tell(result));
    expect(it.log.messages.slice(1)).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1.0}}',
      result,
    ]);
    expect(it.log.routes.at(-1)).toEqual({ relatedTo: messageOf(call('1.50')).key });
    expect(transport.calls).toContain('close');
  });

  it('fails as its exchange does, and gets no answer besides', async () => {
    const it = await stage();
    it.onSend = () => Promise.reject(new DrawbridgeError('upstream_unreachable', 'away'));
    expect(await rejectionOf(it.session.send(messageOf(call('1'))))).toMatchObject({ code: 'upstream_unreachable' });
    quietly(it.last.transport.tell(answer('1')));
    expect(it.log.messages).toHaveLength(1);
  });

  it('that is cancelled ends its exchange, and is not answered', async () => {
    const it = await stage();
    const { transport } = await it.call();
    await it.session.send(messageOf('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}'));
    expect(transport.calls).toContain('close');
    quietly(transport.tell(answer('7')));
    expect(it.log.messages).toHaveLength(1);
  });

  it('of ping is answered here, and a level of logging goes with what follows', async () => {
    const it = await stage();
    await it.session.send(messageOf('{"jsonrpc":"2.0","id":1,"method":"ping"}'));
    const level = (text: string): Message =>
      messageOf(`{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"${text}"}}`);
    await it.session.send(level('warning'));
    expect(it.log.messages.slice(1)).toEqual([answer('1'), answer('2')]);
    expect(it.exchanges).toHaveLength(1);
    expect(await rejectionOf(it.session.send(level('loud')))).toMatchObject({ code: 'invalid_params' });
    const { transport } = await it.call();
    expect(transport.sent[0]).toContain('"io.modelcontextprotocol/logLevel":"warning"');
  });

  it('is stopped with the session', async () => {
    const it = await stage();
    const { transport } = await it.call();
    it.session.pause();
    it.session.resume();
    await it.session.close();
    expect(transport.calls).toEqual(['start', 'pause', 'resume', 'close']);
    expect(it.closed).toBe(1);
    expect(await rejectionOf(it.session.send(messageOf(call('1'))))).toMatchObject({ code: 'upstream_lost' });
  });
});

const wants = (inputs: string, state = ''): string =>
  `{"resultType":"input_required","inputRequests":${inputs}${state}}`;
const ELICIT = '{"method":"elicitation/create","params":{"n":1.0}}';

describe('what the server needs to know', () => {
  it('is asked of the client, and goes with the request again, under a new id', async () => {
    const it = await stage();
    const { transport } = await it.call();
    quietly(
      transport.tell(answer('7', wants(`{"a":${ELICIT},"b":{"method":"roots/list"}}`, ',"requestState":"\\u00e4 1"'))),
    );
    await it.log.messageCount(3);
    const [elicit, roots] = it.log.messages.slice(1).map(messageOf);
    expect(elicit?.bytes.toString()).toBe(
      `{"jsonrpc":"2.0","id":${elicit?.id},"method":"elicitation/create","params":{"n":1.0}}`,
    );
    expect(it.log.routes.at(-1)).toEqual({ relatedTo: messageOf(call('7')).key });
    await it.session.send(messageOf(answer(roots?.id ?? '', '{"roots":[]}')));
    await it.session.send(messageOf(answer(elicit?.id ?? '', '{"x":1.0}')));
    await until('the second request', () => it.exchanges.length === 3);
    const { id } = it.last.sent();
    expect(id).not.toBe('7');
    expect(it.last.transport.sent[0]).toBe(
      `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"_meta":{${META}},"inputResponses":{"a":{"x":1.0},"b":{"roots":[]}},"requestState":"\\u00e4 1","name":"a","arguments":{"n":1.0}}}`,
    );
    quietly(it.last.transport.tell(answer(id ?? '', '{"n":1.0}')));
    expect(it.log.messages.slice(3)).toEqual([answer('7', '{"n":1.0}')]);
  });

  it('is said only so often', async () => {
    const it = await stage();
    it.onSend = (text) => {
      const exchange = it.last;
      setImmediate(() => quietly(exchange.transport.tell(answer(messageOf(text).id ?? '', wants('{}')))));
    };
    await it.call();
    const [, refused] = await it.log.messageCount(2);
    expect(refused).toContain('"id":7');
    expect(refused).toContain('more than 16 times');
    expect(it.exchanges).toHaveLength(18);
  });

  it.each([
    ['another kind of request', '{"a":{"method":"tools/call","params":{}}}'],
    ['a request without a method', '{"a":{}}'],
    ['too many requests', `{${Array.from({ length: 33 }, (_none, index) => `"${index}":${ELICIT}`).join(',')}}`],
  ])('is not asked where it is %s', async (_what, inputs) => {
    const it = await stage();
    const { transport } = await it.call();
    quietly(transport.tell(answer('7', wants(inputs))));
    const [, refused, ...more] = await it.log.messageCount(2);
    expect(refused).toContain('"upstream_invalid"');
    expect(more).toEqual([]);
  });

  it('is an error of the request where the client refuses, which is then asked nothing else', async () => {
    const it = await stage();
    const { transport } = await it.call();
    quietly(transport.tell(answer('7', wants(`{"a":${ELICIT},"b":${ELICIT}}`))));
    const asked = (await it.log.messageCount(3)).slice(1).map(messageOf);
    await it.session.send(messageOf(`{"jsonrpc":"2.0","id":${asked[0]?.id},"error":{"code":-1,"message":"no"}}`));
    const [withdrawn, refused] = (await it.log.messageCount(5)).slice(3);
    expect(withdrawn).toContain(`"method":"notifications/cancelled","params":{"requestId":${asked[1]?.id}}`);
    expect(refused).toMatch(/"id":7,"error":.*elicitation\/create.*"cancelled"/);
    expect(it.exchanges).toHaveLength(2);
  });

  it('is not asked any more where the request is cancelled', async () => {
    const it = await stage();
    const { transport } = await it.call();
    quietly(transport.tell(answer('7', wants(`{"a":${ELICIT}}`))));
    const [, asked] = (await it.log.messageCount(2)).map(messageOf);
    await it.session.send(messageOf('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}'));
    expect(it.log.messages.at(-1)).toContain(`"params":{"requestId":${asked?.id}}`);
    await it.session.send(messageOf(answer(asked?.id ?? '')));
    await turn();
    expect(it.exchanges).toHaveLength(2);
    expect(it.log.messages).toHaveLength(3);
  });
});

describe('a client that is behind', () => {
  it('is told nothing more by what was sent before, nor by what is sent meanwhile', async () => {
    const it = await stage();
    const before = await it.call('1');
    it.session.pause();
    const meanwhile = await it.call('2');
    await it.session.send(messageOf(INITIALIZED));
    await turn();
    expect(before.transport.calls.at(-1)).toBe('pause');
    expect(meanwhile.transport.calls).toEqual(['start', 'pause']);
    expect(it.last.transport.calls).toEqual(['start', 'pause']);
    it.session.resume();
    expect(it.exchanges.slice(1).map(({ transport }) => transport.calls.at(-1))).toEqual([
      'resume',
      'resume',
      'resume',
    ]);
  });
});

describe('a header that the server refuses', () => {
  const refusal = (id: string): string => `{"jsonrpc":"2.0","id":${id},"error":{"code":-32020,"message":"m"}}`;

  it('makes it read the tools once for all calls, and no longer than the session', async () => {
    const it = await stage();
    for (const id of ['7', '8']) {
      const { transport } = await it.call(id);
      quietly(transport.tell(refusal(id)));
    }
    await until('the list to be asked for', () => it.exchanges.length === 4 && it.last.transport.sent.length > 0);
    await turn();
    expect(it.exchanges).toHaveLength(4);
    await it.session.close();
    expect(it.last.transport.calls.at(-1)).toBe('close');
  });

  it('makes it read all tools anew, and the call go once more', async () => {
    const it = await stage();
    const { transport } = await it.call();
    quietly(transport.tell(refusal('7')));
    const schema = '{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"}}}';
    const pages = ['{"tools":[],"nextCursor":"p\\u00e4"}', `{"tools":[{"name":"a","inputSchema":${schema}}]}`];
    for (const [index, page] of pages.entries()) {
      await until(
        'a list to be asked for',
        () => it.exchanges.length === 3 + index && it.last.transport.sent.length > 0,
      );
      quietly(it.last.transport.tell(answer(it.last.sent().id ?? '', page)));
    }
    await until('the call to go again', () => it.exchanges.length === 5 && it.last.transport.sent.length > 0);
    expect(it.exchanges[3]?.transport.sent[0]).toContain('"cursor":"p\\u00e4"');
    expect(it.last.headers).toContain('Mcp-Param-N: 1.0\r\n');
    quietly(it.last.transport.tell(refusal(it.last.sent().id ?? '')));
    expect(it.log.messages.slice(1)).toEqual([refusal('7')]);
  });
});

const acknowledged = '{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{}}';

describe('changes', () => {
  const subscription = (method: string): Message =>
    messageOf(`{"jsonrpc":"2.0","id":3,"method":"resources/${method}","params":{"uri":"a:///b"}}`);

  async function listening(): Promise<Stage> {
    const it = await stage();
    await it.session.send(messageOf(INITIALIZED));
    await turn();
    quietly(it.last.transport.tell(acknowledged));
    return it;
  }

  it('are listened to where the server promises to tell, and told as they are', async () => {
    const it = await listening();
    expect(it.last.transport.sent[0]).toContain('"notifications":{"toolsListChanged":true}');
    const changed = '{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"_meta":{"n":1.0}}}';
    quietly(it.last.transport.tell(changed));
    expect(it.log.messages.slice(1)).toEqual([changed]);
  });

  it('are not listened to where it promises nothing', async () => {
    const it = await stage(false);
    await it.initialize('2025-06-18', '{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}');
    await it.session.send(messageOf(INITIALIZED));
    expect(it.exchanges).toHaveLength(1);
    expect(await rejectionOf(it.session.send(subscription('subscribe')))).toMatchObject({ code: 'method_not_found' });
  });

  it('of a resource are told from the answer on, and the former subscription stands until then', async () => {
    const it = await listening();
    const former = it.last.transport;
    const subscribed = it.session.send(subscription('subscribe'));
    await turn();
    expect(it.last.transport.sent[0]).toContain('{"toolsListChanged":true,"resourceSubscriptions":["a:///b"]}');
    expect(it.log.messages).toHaveLength(1);
    expect(former.calls).not.toContain('close');
    quietly(it.last.transport.tell(acknowledged));
    await subscribed;
    expect(it.log.messages.slice(1)).toEqual([answer('3')]);
    expect(former.calls).toContain('close');
  });

  it('of a resource are waited for although the former subscription ends meanwhile, and what was missed is told', async () => {
    const it = await listening();
    const former = it.last;
    const subscribed = it.session.send(subscription('subscribe'));
    await turn();
    quietly(former.transport.tell(answer(former.sent().id ?? '')));
    await turn();
    expect(it.log.messages).toHaveLength(1);
    quietly(it.last.transport.tell(acknowledged));
    await subscribed;
    expect(it.log.messages.slice(1)).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}',
      '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a:///b"}}',
      answer('3'),
    ]);
  });

  it('of a resource that the server refuses to tell of are an error, and the former subscription stands', async () => {
    const it = await listening();
    const former = it.last.transport;
    const subscribed = it.session.send(subscription('subscribe'));
    await turn();
    quietly(
      it.last.transport.tell(`{"jsonrpc":"2.0","id":${it.last.sent().id},"error":{"code":-32602,"message":"m"}}`),
    );
    expect(await rejectionOf(subscribed)).toMatchObject({ code: 'upstream_error' });
    expect(former.calls).not.toContain('close');
  });

  it('are listened to again after a while where the subscription ends, and what was missed is told', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const it = await listening();
    quietly(it.last.transport.tell(answer(it.last.sent().id ?? '')));
    expect(it.exchanges).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(500);
    expect(it.exchanges).toHaveLength(3);
    quietly(it.last.transport.tell(acknowledged));
    expect(it.log.messages.slice(1)).toEqual(['{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}']);
  });

  it('are listened to ever more rarely where the subscription never lasts', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const it = await listening();
    it.onSend = () => Promise.reject(new DrawbridgeError('upstream_unreachable', 'away'));
    quietly(it.last.transport.tell(answer(it.last.sent().id ?? '')));
    await vi.advanceTimersByTimeAsync(600_000);
    const count = it.exchanges.length;
    expect(count).toBeGreaterThan(10);
    expect(count).toBeLessThan(30);
    await it.session.close();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(it.exchanges).toHaveLength(count);
  });

  it('are not listened to again where the server refuses', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const it = await stage();
    await it.session.send(messageOf(INITIALIZED));
    await vi.advanceTimersByTimeAsync(0);
    quietly(
      it.last.transport.tell(`{"jsonrpc":"2.0","id":${it.last.sent().id},"error":{"code":-32601,"message":"m"}}`),
    );
    await vi.advanceTimersByTimeAsync(600_000);
    expect(it.exchanges).toHaveLength(2);
    expect(it.log.errors).toHaveLength(1);
  });
});
