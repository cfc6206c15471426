/** Servers that answer wrongly, twice, too late or elsewhere: R04, R07, R16, P09, P12, and redirects. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { until } from '../../parts/deadline.ts';
import { send } from '../../parts/raw-http.ts';
import { describePairings, type FaultStage, PAIRINGS } from './pairings.ts';

const LONG = `secret-of-the-server ${'x'.repeat(5000)}`;
const HTML = `<!doctype html><html><body><h1>secret-of-the-server</h1>${'x'.repeat(5000)}</body></html>`;

/** One more call, which shows that the session goes on and that nothing was left over. */
async function expectAlive(stage: FaultStage, client: Awaited<ReturnType<FaultStage['open']>>): Promise<void> {
  const index = stage.upstream.calls.length;
  client.call('"still there"');
  (await stage.upstream.call(index)).answer('still here');
  expect(await client.answer('"still there"')).toContain('still here');
  expect(client.answers('"still there"')).toHaveLength(1);
}

const result = (id: string, text: string): string =>
  `{"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"${text}"}]}}`;

describePairings('answers that nobody waits for', (stage) => {
  it('a second answer under one id is not delivered, and the first one is', async () => {
    const client = await stage.open();
    client.call('1');
    const call = await stage.upstream.call(0);
    call.say(result('1', 'first'));
    call.say(result('1', 'second'));
    if (stage.up === 'http') call.end();
    expect(await client.answer('1')).toContain('first');
    await expectAlive(stage, client);
    expect(client.answers('1')).toHaveLength(1);
    expect(client.messages.join()).not.toContain('second');
  });

  it('an answer under an id that was never used is not delivered', async () => {
    const client = await stage.open();
    client.call('1');
    const call = await stage.upstream.call(0);
    for (const id of ['99', '"1"', '-1']) call.say(result(id, 'stray'));
    call.answer('right');
    expect(await client.answer('1')).toContain('right');
    await expectAlive(stage, client);
    expect(client.messages.join()).not.toContain('stray');
  });

  it('an answer to a call that was cancelled is delivered at most once', async () => {
    const client = await stage.open();
    client.call('1');
    const call = await stage.upstream.call(0);
    await client.post('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}');
    await until('the server hears of it', () => stage.upstream.posts.some((body) => body.includes('cancelled')));
    call.say(result('1', 'late'));
    call.say(result('1', 'later'));
    if (stage.up === 'http') call.end();
    await expectAlive(stage, client);
    expect(client.answers('1').length).toBeLessThanOrEqual(1);
  });

  it('an answer after the client has ended its session goes nowhere', async () => {
    const client = await stage.open();
    const reply = client.call('1');
    const call = await stage.upstream.call(0);
    await client.close();
    call.say(result('1', 'after the end'));
    await reply;
    await until('the session is gone', () => stage.gateway.gateway.sessionCount === 0);
    await expectAlive(stage, await stage.open());
  });
});

const BODIES: readonly [name: string, status: number, type: string, body: string][] = [
  ['400 with text', 400, 'text/plain', LONG],
  ['421', 421, 'text/plain', 'Invalid Host header'],
  ['500 with a page of HTML', 500, 'text/html', HTML],
  ['502 with HTML that says it is text', 502, 'text/plain', HTML],
  ['200 with an empty JSON body', 200, 'application/json', ''],
  ['200 with {}', 200, 'application/json', '{}'],
  ['200 with HTML', 200, 'text/html', HTML],
  ['200 with half a message', 200, 'application/json', '{"jsonrpc":"2.0","id":1,"resu'],
];

describePairings('a POST that is answered with', (stage) => {
  it.each(BODIES)('%s: an error under the id, which shows none of it', async (_name, status, type, body) => {
    // Over legacy SSE any 2xx accepts a message, whatever its body is.
    if (stage.up === 'sse' && status === 200) return expectAlive(stage, await stage.open());
    const client = await stage.open();
    stage.upstream.instead = (req, res) => {
      if (req.method !== 'POST') return false;
      res.writeHead(status, { 'content-type': type }).end(body);
      return true;
    };
    await client.call('9007199254740993');
    const answer = await client.answer('9007199254740993');
    expect(client.answers('9007199254740993')).toHaveLength(1);
    expect(JSON.parse(answer)).toMatchObject({ error: { code: -32603, data: { reason: /^upstream_/ } } });
    for (const inside of ['secret-of', '<h1>', 'xxx', 'Invalid Host', String(stage.link.port)])
      expect(answer).not.toContain(inside);
    // What the operator reads is quoted, and short.
    for (const line of stage.log) expect(line.length).toBeLessThan(1000);
    stage.upstream.instead = undefined;
    await expectAlive(stage, client);
  });
});

describePairings('a message over the limit', (stage) => {
  it('is an error under the id, and the gateway serves on', async () => {
    await stage.restartGateway({ maxMessageBytes: 100_000 });
    const client = await stage.open();
    client.call('"big"');
    (await stage.upstream.call(0)).answer('x'.repeat(200_000));
    expect(JSON.parse(await client.answer('"big"'))).toMatchObject({ error: { code: -32603 } });
    expect(client.answers('"big"')).toHaveLength(1);
    // Over SSE the stream is that of the session, so both are cut.
    await expectAlive(stage, stage.up === 'sse' ? await stage.open() : client);
  });
});

describePairings('redirects', (stage) => {
  it.each([
    301, 302, 307, 308,
  ])('a %i to another origin is never followed, neither by a stream nor by a message', async (status) => {
    const seen: string[] = [];
    const elsewhere = createServer((req, res) => {
      seen.push(`${req.method} ${req.url}`);
      res.end();
    });
    await new Promise<void>((fulfil) => elsewhere.listen(0, '127.0.0.1', fulfil));
    const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/mcp`;
    const client = await stage.open();
    stage.upstream.instead = (_req, res) => {
      res.writeHead(status, { location }).end();
      return true;
    };
    await client.call('1');
    const answer = await client.answer('1');
    expect(JSON.parse(answer)).toMatchObject({ error: { data: { reason: 'upstream_redirect' } } });
    expect(answer).not.toContain(location);
    const { path, ...rest } = stage.down === 'sse' ? { path: '/sse' } : { path: '/mcp', method: 'GET' };
    await send(stage.gateway.origin, { path, ...rest, headers: stage.gateway.alice });
    expect(seen).toEqual([]);
    elsewhere.closeAllConnections();
    await new Promise((fulfil) => elsewhere.close(fulfil));
  });
});

const overSse = PAIRINGS.filter(({ up }) => up === 'sse');
const overHttp = PAIRINGS.filter(({ up }) => up === 'http');

describePairings(
  'an endpoint that is not the server’s own',
  (stage) => {
    it.each([
      'http://evil.test/messages',
      '//127.0.0.1:1/messages',
      'https://127.0.0.1/messages',
      'file:///etc/passwd',
      'http://user@127.0.0.1:1/messages',
    ])('%s opens no session', async (endpoint) => {
      stage.upstream.instead = (req, res) => {
        if (req.method !== 'GET') return false;
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.write(`event: endpoint\ndata: ${endpoint}\n\n`);
        return true;
      };
      await expect(stage.open()).rejects.toThrow(/502/);
      expect(stage.gateway.gateway.sessionCount).toBe(0);
      expect(stage.upstream.posts).toEqual([]);
    });

    it('in a second endpoint event changes nothing', async () => {
      const client = await stage.open();
      client.call('1');
      const call = await stage.upstream.call(0);
      const event = 'event: endpoint\ndata: http://evil.test/messages\n\n';
      stage.link.inject('down', `${event.length.toString(16)}\r\n${event}\r\n`);
      call.answer('right');
      expect(await client.answer('1')).toContain('right');
      await expectAlive(stage, client);
    });
  },
  overSse,
);

describePairings(
  'the stream of an answer that ends without it',
  (stage) => {
    it('is an error under the id within two seconds', async () => {
      const client = await stage.open();
      client.call('"a"');
      (await stage.upstream.call(0)).end();
      const answer = await client.answer('"a"', 2000);
      expect(JSON.parse(answer)).toMatchObject({ error: { data: { reason: 'upstream_lost' } } });
      expect(client.answers('"a"')).toHaveLength(1);
      await expectAlive(stage, client);
    });

    it('after an event with an id is asked for again from there, and then an error', async () => {
      const client = await stage.open();
      client.call('"a"');
      const call = await stage.upstream.call(0);
      call.say('{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}', 'e7');
      stage.upstream.instead = (req, res) => {
        if (req.headers['last-event-id'] === undefined) return false;
        res.writeHead(400).end('no such event');
        return true;
      };
      call.end();
      const answer = await client.answer('"a"', 10_000);
      expect(JSON.parse(answer)).toHaveProperty('error.data.reason');
      expect(client.answers('"a"')).toHaveLength(1);
      expect(stage.upstream.requests.filter(({ lastEventId }) => lastEventId === 'e7').length).toBeGreaterThan(0);
    });
  },
  overHttp,
);

describePairings(
  'an answer that is compressed, which nobody asked for',
  (stage) => {
    it.each([
      'gzip',
      'gzip, gzip, gzip',
      'br',
    ])('with %s is an error under the id, and nothing is unpacked', async (coding) => {
      const client = await stage.open();
      stage.upstream.instead = (req, res) => {
        if (req.method !== 'POST') return false;
        res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': coding }).end(Buffer.alloc(1000));
        return true;
      };
      await client.call('1');
      expect(JSON.parse(await client.answer('1'))).toMatchObject({ error: { data: { reason: 'upstream_invalid' } } });
      stage.upstream.instead = undefined;
      await expectAlive(stage, client);
    });
  },
  overHttp,
);
