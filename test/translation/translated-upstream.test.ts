import { afterEach, describe, expect, it } from 'vitest';
import { DrawbridgeError } from '../../src/errors.ts';
import { silentLogger } from '../../src/log.ts';
import { LegacySessions } from '../../src/translation/legacy-sessions.ts';
import { TranslatedUpstream } from '../../src/translation/translated-upstream.ts';
import { WaitingCalls } from '../../src/translation/waiting-calls.ts';
import { until } from '../parts/deadline.ts';
import { EventLog, MemoryTransport, messageOf, rejectionOf } from '../parts/memory-transport.ts';

const INITIALIZED =
  '{"protocolVersion":"2024-11-05","capabilities":{"tools":{"listChanged":true},"resources":{"subscribe":true}},"serverInfo":{"name":"s","version":"1"}}';
const META = '"io.modelcontextprotocol/protocolVersion":"2026-07-28"';

/** A legacy server in memory: answers `initialize`, and leaves the rest to the test. */
function legacyServer(): MemoryTransport {
  const server = new MemoryTransport();
  server.onSend = (text) => {
    const message = messageOf(text);
    if (message.method === 'initialize')
      setImmediate(() => void server.tell(`{"jsonrpc":"2.0","id":${message.id},"result":${INITIALIZED}}`));
  };
  return server;
}

const open: LegacySessions[] = [];
afterEach(async () => {
  for (const sessions of open.splice(0)) await sessions.close();
});

interface Stage {
  readonly servers: MemoryTransport[];
  readonly sessions: LegacySessions;
  /** Sends a request as its own upstream, and gives what it hears. */
  ask(text: string, principal?: string): Promise<{ log: EventLog; upstream: TranslatedUpstream }>;
}

function stage(options: { idleMs?: number; maxSessions?: number; server?: () => MemoryTransport } = {}): Stage {
  const servers: MemoryTransport[] = [];
  const sessions = new LegacySessions({ idleMs: options.idleMs ?? 60_000, maxSessions: options.maxSessions ?? 10 });
  open.push(sessions);
  const openSession = (): Parameters<LegacySessions['lease']>[1] extends () => infer O ? O : never => {
    const transport = (options.server ?? legacyServer)();
    servers.push(transport);
    return {
      transport,
      clientInfo: '{"name":"c","version":"1"}',
      capabilities: '{}',
      logger: silentLogger,
      initializeTimeoutMs: 200,
    };
  };
  return {
    servers,
    sessions,
    ask: async (text, principal = 'alice') => {
      const upstream = new TranslatedUpstream({
        principalId: principal,
        waiting: new WaitingCalls({ waitMs: 60_000 }),
        lease: (isAskable) => sessions.lease({ principalId: principal, capabilities: '{}', isAskable }, openSession),
      });
      const log = new EventLog();
      await upstream.start(log);
      await upstream.send(messageOf(text));
      return { log, upstream };
    },
  };
}

const call = (id: string, meta = META): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"_meta":{${meta}},"name":"x"}}`;
const idsOf = (server: MemoryTransport, method: string): (string | undefined)[] =>
  server.sent.map(messageOf).flatMap((message) => (message.method === method ? [message.id] : []));

describe('modern requests on a legacy session', () => {
  it('share one handshake, and two with the same id get each its own answer', async () => {
    const { servers, ask } = stage();
    const [one, other] = await Promise.all([ask(call('1')), ask(call('1'))]);
    const [server] = servers;
    expect(servers).toHaveLength(1);
    expect(server!.sent.map((text) => messageOf(text).method)).toEqual([
      'initialize',
      'notifications/initialized',
      'tools/call',
      'tools/call',
    ]);
    const [first, second] = idsOf(server!, 'tools/call');
    expect(first).not.toBe(second);
    await server!.tell(`{"jsonrpc":"2.0","id":${second},"result":{"is":"second"}}`);
    await server!.tell(`{"jsonrpc":"2.0","id":${first},"result":{"is":"first"}}`);
    expect(one.log.messages).toEqual(['{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","is":"first"}}']);
    expect(other.log.messages).toEqual(['{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","is":"second"}}']);
  });

  it('of two principals never share a session', async () => {
    const { servers, ask } = stage();
    await ask(call('1'), 'alice');
    await ask(call('1'), 'bob');
    expect(servers).toHaveLength(2);
  });

  it('are told of their progress, each of its own', async () => {
    const { servers, ask } = stage();
    const one = await ask(call('1', `${META},"progressToken":"p"`));
    const other = await ask(call('1', `${META},"progressToken":"p"`));
    const [server] = servers;
    const [first] = idsOf(server!, 'tools/call');
    await server!.tell(
      `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${first},"progress":1}}`,
    );
    expect(one.log.messages).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":1}}',
    ]);
    expect(other.log.messages).toEqual([]);
  });

  it('are cancelled upstream when their client closes', async () => {
    const { servers, ask } = stage();
    const { upstream, log } = await ask(call('1'));
    await upstream.close();
    const [id] = idsOf(servers[0]!, 'tools/call');
    expect(servers[0]!.sent.at(-1)).toBe(
      `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":"the client left"}}`,
    );
    await servers[0]!.tell(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    expect(log.messages).toEqual([]);
  });

  it('are all answered when the server is lost, and the next one makes a new session', async () => {
    const { servers, ask } = stage();
    const one = await ask(call('1'));
    const other = await ask(call('"b"'));
    servers[0]!.events.end();
    expect(one.log.messages[0]).toContain('"id":1,"error"');
    expect(other.log.messages[0]).toContain('"id":"b","error"');
    await ask(call('2'));
    expect(servers).toHaveLength(2);
  });

  it('get a new session where the server has forgotten the one before, and are sent once each', async () => {
    const { servers, ask } = stage();
    await ask(call('1'));
    const [old] = servers;
    old!.onSend = () => {
      const error = new DrawbridgeError('session_lost', 'it does not know this session');
      old!.events.end(error);
      return Promise.reject(error);
    };
    await ask(call('2'));
    expect(servers).toHaveLength(2);
    expect(idsOf(servers[1]!, 'tools/call')).toHaveLength(1);
  });

  it('that may have run are not sent again', async () => {
    const { servers, ask } = stage();
    await ask(call('1'));
    const [old] = servers;
    old!.onSend = () => {
      const error = new DrawbridgeError('upstream_lost', 'it is gone', { mayHaveRun: true });
      const rejected = Promise.reject(error);
      setImmediate(() => old!.events.end(error));
      return rejected;
    };
    expect((await rejectionOf(ask(call('2')))).code).toBe('upstream_lost');
    expect(servers).toHaveLength(1);
  });

  it('that a server answers with an error without an id get it, where no other can be meant', async () => {
    const { servers, ask } = stage();
    const { log } = await ask(call('"a"'));
    await servers[0]!.tell('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}');
    expect(log.messages).toEqual(['{"jsonrpc":"2.0","id":"a","error":{"code":-32700,"message":"Parse error"}}']);
  });

  it('hear of the newest progress alone when they were behind, and of none after their answer', async () => {
    const { servers, ask } = stage();
    const withToken = call('1', `${META},"progressToken":"t"`);
    const [one, other] = [await ask(withToken), await ask(withToken)];
    const [server] = servers;
    const [first, second] = idsOf(server!, 'tools/call');
    for (const { upstream } of [one, other]) upstream.pause();
    for (let progress = 1; progress <= 3; progress++)
      for (const token of [first, second])
        await server!.tell(
          `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${token},"progress":${progress}}}`,
        );
    await server!.tell(`{"jsonrpc":"2.0","id":${second},"result":{"resultType":"complete"}}`);
    for (const { upstream } of [one, other]) upstream.resume();
    expect(one.log.messages).toEqual([
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":3}}',
    ]);
    expect(other.log.messages).toEqual(['{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}}']);
  });

  it('are refused where the server does not answer the handshake in time', async () => {
    const { ask, sessions } = stage({ server: () => new MemoryTransport() });
    expect((await rejectionOf(ask(call('1')))).code).toBe('upstream_timeout');
    expect(sessions.size).toBe(0);
  });

  it('are refused where the server refuses the handshake', async () => {
    const server = new MemoryTransport();
    server.onSend = (text) => {
      const { id } = messageOf(text);
      setImmediate(() => void server.tell(`{"jsonrpc":"2.0","id":${id},"error":{"code":-32602,"message":"no"}}`));
    };
    const { ask } = stage({ server: () => server });
    expect(await rejectionOf(ask(call('1')))).toMatchObject({
      code: 'upstream_error',
      why: expect.stringContaining('no'),
    });
  });

  it('that a legacy server does not have are refused without asking it', async () => {
    const { servers, ask } = stage();
    for (const method of ['ping', 'initialize', 'logging/setLevel', 'tasks/get'])
      expect((await rejectionOf(ask(`{"jsonrpc":"2.0","id":1,"method":"${method}"}`))).code).toBe('method_not_found');
    expect(servers).toHaveLength(0);
  });

  it('find no session when there are as many as there may be', async () => {
    const { ask } = stage({ maxSessions: 1 });
    await ask(call('1'), 'alice');
    expect((await rejectionOf(ask(call('1'), 'bob'))).code).toBe('too_many_sessions');
  });
});

describe('a session that modern requests share', () => {
  it('is closed when it was idle for long enough, and not before', async () => {
    const { servers, sessions, ask } = stage({ idleMs: 20 });
    const { upstream } = await ask(call('1'));
    const other = await ask(call('2'));
    await upstream.close();
    expect(sessions.size).toBe(1);
    await other.upstream.close();
    await until('the session is closed', () => sessions.size === 0);
    expect(servers[0]!.calls.at(-1)).toBe('close');
  });

  it('answers the pings of the server, and refuses what else it asks', async () => {
    const { servers, ask } = stage();
    await ask(call('1'));
    await servers[0]!.tell('{"jsonrpc":"2.0","id":"q","method":"ping"}');
    await servers[0]!.tell('{"jsonrpc":"2.0","id":"r","method":"sampling/createMessage","params":{}}');
    expect(servers[0]!.sent.slice(-2)).toEqual([
      '{"jsonrpc":"2.0","id":"q","result":{}}',
      '{"jsonrpc":"2.0","id":"r","error":{"code":-32601,"message":"Method not found"}}',
    ]);
  });
});

describe('server/discover', () => {
  it('tells what the legacy server can do, without asking it more than its handshake', async () => {
    const { servers, ask } = stage();
    const { log } = await ask('{"jsonrpc":"2.0","id":"d","method":"server/discover","params":{}}');
    expect(log.messages[0]).toContain('"supportedVersions":["2026-07-28"]');
    expect(servers[0]!.sent).toHaveLength(2);
  });
});

describe('subscriptions/listen', () => {
  const listen = (notifications: string): string =>
    `{"jsonrpc":"2.0","id":"s-1","method":"subscriptions/listen","params":{"_meta":{${META}},"notifications":${notifications}}}`;
  const META_S = '"_meta":{"io.modelcontextprotocol/subscriptionId":"s-1"}';

  it('is granted what the server can tell of, and hears it', async () => {
    const { servers, ask } = stage();
    const { log, upstream } = await ask(
      listen('{"toolsListChanged":true,"promptsListChanged":true,"resourceSubscriptions":["file:///a"]}'),
    );
    expect(log.messages).toEqual([
      `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["file:///a"]},${META_S}}}`,
    ]);
    const [server] = servers;
    expect(idsOf(server!, 'resources/subscribe')).toHaveLength(1);
    for (const text of [
      '"method":"notifications/tools/list_changed"',
      '"method":"notifications/prompts/list_changed"',
      '"method":"notifications/resources/updated","params":{"uri":"file:///a"}',
      '"method":"notifications/resources/updated","params":{"uri":"file:///b"}',
      '"method":"notifications/message","params":{"level":"info","data":1}',
    ])
      await server!.tell(`{"jsonrpc":"2.0",${text}}`);
    expect(log.messages.slice(1)).toEqual([
      `{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{${META_S}}}`,
      `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:///a",${META_S}}}`,
    ]);
    await upstream.close();
    expect(idsOf(server!, 'resources/unsubscribe')).toHaveLength(1);
  });

  it('hears of a resource however the server spells its name in JSON', async () => {
    const { servers, ask } = stage();
    const { log } = await ask(listen('{"resourceSubscriptions":["file:///\u00e9"]}'));
    await servers[0]!.tell(
      '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"file:\\/\\/\\/\\u00e9"}}',
    );
    expect(log.messages[1]).toContain('"uri":"file:///\u00e9"');
  });

  it('hears of the same change once when it was behind', async () => {
    const { servers, ask } = stage();
    const { log, upstream } = await ask(listen('{"toolsListChanged":true}'));
    upstream.pause();
    for (let count = 0; count < 3; count++)
      await servers[0]!.tell('{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}');
    expect(log.messages).toHaveLength(1);
    upstream.resume();
    expect(log.messages).toHaveLength(2);
  });

  it.each([
    '1',
    '[]',
    '{"resourceSubscriptions":1}',
    '{"resourceSubscriptions":[1]}',
  ])('is refused where it wants %s', async (notifications) => {
    const { ask } = stage();
    expect((await rejectionOf(ask(listen(notifications)))).code).toBe('invalid_params');
  });

  it('is over when the session is', async () => {
    const { servers, ask } = stage();
    const { log } = await ask(listen('{"toolsListChanged":true}'));
    servers[0]!.events.end();
    await log.messageCount(2);
    expect(log.messages[1]).toContain('"id":"s-1","error"');
  });
});
