import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { until, within } from '../parts/deadline.ts';
import { answer } from '../parts/memory-transport.ts';
import { peakRssBytes } from '../parts/process-memory.ts';
import { type CliProcess, startCli } from '../parts/run-cli.ts';
import { answers, INITIALIZE, INITIALIZED, request } from '../parts/stdio-messages.ts';

const MIB = 1024 * 1024;
const WELCOME = '{"protocolVersion":"2025-06-18"}';

type Kind = 'sse' | 'stream' | 'json';

interface Upstream {
  readonly url: string;
  readonly posts: string[];
  /** The stream on which the server speaks by itself. */
  stream(): Promise<ServerResponse>;
  close(): Promise<void>;
}

/** Answers each request by `answerTo`: on the session's stream, on a stream of the request's own, or as JSON. */
async function startUpstream(kind: Kind, answerTo: (body: string) => string): Promise<Upstream> {
  let stream: ServerResponse | undefined;
  const posts: string[] = [];
  const server = createServer((req, res) => {
    if (req.method === 'GET' && kind !== 'json') {
      stream = res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write(kind === 'sse' ? 'event: endpoint\ndata: /messages\n\n' : ': hello\n\n');
      return;
    }
    if (req.method !== 'POST') {
      res.writeHead(405).end();
      return;
    }
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      const body = Buffer.concat(parts).toString();
      posts.push(body);
      if (!body.includes('"id"')) res.writeHead(202).end();
      else if (kind === 'json') res.writeHead(200, { 'content-type': 'application/json' }).end(answerTo(body));
      else {
        const text = `event: message\ndata: ${answerTo(body)}\n\n`;
        if (kind === 'stream') res.writeHead(200, { 'content-type': 'text/event-stream' }).end(text);
        else res.writeHead(202).end(() => stream?.write(text));
      }
    });
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/${kind === 'sse' ? 'sse' : 'mcp'}`,
    posts,
    stream: async () => {
      await until('the stream', () => stream !== undefined);
      return stream!;
    },
    close: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        server.closeAllConnections();
      }),
  };
}

let upstream: Upstream;
let cli: CliProcess;
afterEach(async () => {
  cli.child.kill('SIGKILL');
  await upstream.close();
});

/** The handshake, and what the process takes after it. */
async function open(kind: Kind, answerTo: (body: string) => string): Promise<number> {
  const welcome = (body: string): string => (body === INITIALIZE ? answer('1', WELCOME) : answerTo(body));
  upstream = await startUpstream(kind, welcome);
  cli = startCli([upstream.url]);
  cli.writeLine(INITIALIZE);
  await cli.line('initialize is answered', answers('1'));
  cli.writeLine(INITIALIZED);
  await until('initialized arrives', () => upstream.posts.length === 2);
  return peakRssBytes(cli.child.pid);
}

describe('a result of 32 MB', () => {
  const size = 32 * MIB;
  const text = answer('2', `"${'\\u0061\\"'.repeat(size / 8)}"`);

  it.each(['sse', 'stream', 'json'] as const)('comes whole, in time, in little memory: %s', async (kind) => {
    const base = await open(kind, () => text);
    const started = performance.now();
    cli.writeLine(request('2', 'tools/call'));
    await until('the result', () => cli.stdout.length > text.length, 10_000);
    expect(performance.now() - started).toBeLessThan(5000);
    expect(cli.stdout.endsWith(`\n${text}\n`)).toBe(true);
    // What arrives, and what is sent on: once each.
    expect(peakRssBytes(cli.child.pid) - base).toBeLessThan(3 * size);
  });
});

describe('a line of 400 MB without an end', () => {
  it('is answered once, with its id and the limit, in bounded memory, and the next line works', async () => {
    const base = await open('sse', (body) => answer(/"id":("?\w+"?)/.exec(body)?.[1] ?? 'null'));
    const { stdin } = cli.child;
    stdin.write('{"jsonrpc":"2.0","id":"a\\u0062","method":"tools/call","params":"');
    const chunk = Buffer.alloc(MIB, 0x78);
    for (let sent = 0; sent < 400; sent++) {
      if (!stdin.write(chunk))
        await within(5000, 'the bridge reads', new Promise((fulfil) => stdin.once('drain', () => fulfil(undefined))));
    }
    const line = await cli.line('it is answered', answers('"a\\u0062"'));
    expect(JSON.parse(line)).toMatchObject({
      error: {
        code: -32600,
        message: 'a line of more than 67108864 bytes was passed over',
        data: { reason: 'body_too_large' },
      },
    });
    cli.writeLine('"}');
    cli.writeLine(request('3', 'ping'));
    await cli.line('the next line is answered', answers('3'));
    expect(cli.stdout.split('\n')).toHaveLength(4);
    // The limit of 64 MiB, and what the garbage collector lets lie around before it looks.
    expect(peakRssBytes(cli.child.pid) - base).toBeLessThan(176 * MIB);
  });
});

describe('a client that does not read', () => {
  it.each([
    'sse',
    'stream',
  ] as const)('pauses the server, takes no memory, is still heard, and then gets everything: %s', async (kind) => {
    const base = await open(kind, () => answer('null'));
    const { stdout } = cli.child;
    const stream = await upstream.stream();
    stream.write(`event: message\ndata: ${request('"ping"', 'ping')}\n\n`);
    await cli.line('the ping of the server', (line) => line.includes('"ping"'));
    stdout.pause();
    const note = (index: number): string => `{"method":"n","params":[${index},"${'y'.repeat(10_000)}"]}`;
    let written = 0;
    let isStalled = false;
    while (!isStalled && written < 20_000) {
      if (stream.write(`event: message\ndata: ${note(written++)}\n\n`)) continue;
      const drained = new Promise<boolean>((fulfil) => stream.once('drain', () => fulfil(true)));
      isStalled = !(await within(1000, 'the drain', drained).catch(() => false));
    }
    expect(isStalled).toBe(true);
    for (let id = 10; id < 60; id++) cli.writeLine(request(String(id), 'tools/call', `"${'z'.repeat(1000)}"`));
    cli.writeLine(answer('"ping"'));
    await until('what the client says', () => upstream.posts.length === 53);
    expect(upstream.posts).toContain(answer('"ping"'));
    expect(peakRssBytes(cli.child.pid) - base).toBeLessThan(40 * MIB);
    stdout.resume();
    await cli.line('the last message', (line) => line.startsWith(`{"method":"n","params":[${written - 1},`));
    const notes = cli.stdout.split('\n').filter((line) => line.startsWith('{"method":"n"'));
    expect(notes).toEqual(Array.from({ length: written }, (_, index) => note(index)));
  });
});
