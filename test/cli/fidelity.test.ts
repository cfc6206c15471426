import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { answer } from '../parts/memory-transport.ts';
import {
  event,
  json,
  type RawConnection,
  type RawServer,
  response,
  STREAM_HEAD,
  startRawServer,
} from '../parts/raw-server.ts';
import { type CliProcess, linesOf, startCli } from '../parts/run-cli.ts';
import { answers, INITIALIZE, INITIALIZED } from '../parts/stdio-messages.ts';

/** Ids that a parser would change, or confuse with one another. */
const IDS = ['0', '-1', '""', '"1"', '1', '9007199254740993', '1e2', '"\\ud800"', '"\u2028"', '"a\\u0062"', '1.5E+3'];
/** The same number as one above, so the two cannot be open at once. */
const LATER_IDS = ['1.0', '100', '"ab"'];
/** Numbers, escapes and spaces that no serialiser would write the same way, and names that no parser knows. */
const AWKWARD =
  '{"b":12345678901234567890.123456, "a" :[1.10,-0,1E400,0.1e-7],"10":1,"2":\t2,"s":"\u2028\u2029\u0085 \\ud800 \\u00e9 é 😀 \\/ \u007f","\\u006e":null}';

const call = (id: string): string =>
  ` { "x-unknown":${AWKWARD},"params" :{"name":"t","arguments":${AWKWARD}},"id":${id} , "method":"tools/call" }`;
const result = (id: string): string => `{"x-unknown":${AWKWARD},"result":${AWKWARD}, "id" :${id}\t}`;
const failure = (id: string): string => `{"id":${id},"error":{"data":${AWKWARD},"code":-32000.0,"message":"\\ud83d"} }`;
const ask = (id: string): string => `{"params":${AWKWARD}, "method":"roots\\/list","id": ${id},"zz":[]}`;
const NOTE = `{"method":"notifications/x","zz":1, "params":${AWKWARD}}`;

interface Upstream {
  /** The stream on which the server speaks by itself. */
  readonly stream: RawConnection;
  /** Bodies that arrived after the handshake. */
  bodies(): string[];
  /** Sends the answer to each of these requests, in its own way. */
  answerAll(texts: readonly (readonly [body: string, answer: string])[]): Promise<void>;
}

const KINDS: Record<'sse' | 'http', { path: string; open: (server: RawServer, cli: CliProcess) => Promise<Upstream> }> =
  {
    sse: {
      path: '/sse',
      open: async (server, cli) => {
        const { connection } = await server.next('GET');
        await connection.write(STREAM_HEAD + event('/messages', 'event: endpoint\n'));
        cli.writeLine(INITIALIZE);
        await (await server.next('POST')).reply(response(202));
        await connection.write(event(answer('1', '{"protocolVersion":"2025-06-18"}')));
        await cli.line('initialize is answered', answers('1'));
        cli.writeLine(INITIALIZED);
        await (await server.next('POST')).reply(response(202));
        acceptAll(server);
        const handshake = server.requests.length;
        return {
          stream: connection,
          bodies: () => server.requests.slice(handshake).map(({ body }) => body),
          answerAll: async (texts) => {
            for (const [, text] of texts) await connection.write(event(text));
          },
        };
      },
    },
    http: {
      path: '/mcp',
      open: async (server, cli) => {
        cli.writeLine(INITIALIZE);
        await (await server.next('POST')).reply(json(answer('1', '{"protocolVersion":"2025-06-18"}')));
        await cli.line('initialize is answered', answers('1'));
        cli.writeLine(INITIALIZED);
        await (await server.next('POST')).reply(response(202));
        const { connection } = await server.next('GET');
        await connection.write(STREAM_HEAD);
        const handshake = server.requests.length;
        const posts = () => server.requests.slice(handshake);
        acceptAll(server, (body) => !body.includes('tools/call'));
        return {
          stream: connection,
          bodies: () => posts().map(({ body }) => body),
          answerAll: async (texts) => {
            for (const [index, [body, text]] of texts.entries()) {
              const post = posts().find((each) => each.body === body);
              // Both forms that an answer may have.
              await post?.reply(index % 2 === 0 ? json(text) : chunkedStream(event(text)));
            }
          },
        };
      },
    },
  };

/** Whatever is POSTed is accepted at once. */
function acceptAll(server: RawServer, fits: (body: string) => boolean = () => true): void {
  const seen = new Set(server.requests);
  const look = (): void => {
    for (const request of server.requests) {
      if (seen.has(request) || !fits(request.body)) continue;
      seen.add(request);
      request.reply(response(202));
    }
  };
  const timer = setInterval(look, 5).unref();
  timers.push(timer);
}
const timers: NodeJS.Timeout[] = [];

function chunkedStream(text: string): string {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
  return `${head}${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`;
}

describe.each(['sse', 'http'] as const)('bytes through the bridge process over %s', (kind) => {
  let server: RawServer;
  let cli: CliProcess;
  let upstream: Upstream;

  beforeEach(async () => {
    server = await startRawServer();
    cli = startCli([server.url(KINDS[kind].path).href]);
    upstream = await KINDS[kind].open(server, cli);
  });
  afterEach(async () => {
    for (const timer of timers.splice(0)) clearInterval(timer);
    cli.child.kill('SIGKILL');
    await server.close();
  });

  const sorted = (texts: readonly string[]): string[] => [...texts].sort();
  const linesAfterHandshake = (): string[] => linesOf(cli.stdout).slice(1);

  it.each([
    ['results', result],
    ['errors', failure],
  ])('are those that were sent, of calls and their %s', async (_what, reply) => {
    for (const ids of [IDS, LATER_IDS]) {
      const bodies = upstream.bodies().length;
      const lines = linesAfterHandshake().length;
      for (const id of ids) cli.writeLine(call(id));
      await until('all calls', () => upstream.bodies().length === bodies + ids.length);
      expect(sorted(upstream.bodies().slice(bodies))).toEqual(sorted(ids.map(call)));
      await upstream.answerAll(ids.map((id) => [call(id), reply(id)]));
      await until('all answers', () => linesAfterHandshake().length === lines + ids.length);
      expect(sorted(linesAfterHandshake().slice(lines))).toEqual(sorted(ids.map(reply)));
    }
  });

  it('are those that were sent, of notifications, and of what the server asks and is answered', async () => {
    for (const id of IDS) await upstream.stream.write(event(ask(id)));
    await upstream.stream.write(event(NOTE));
    await until('all requests of the server', () => linesAfterHandshake().length === IDS.length + 1);
    expect(linesAfterHandshake()).toEqual([...IDS.map(ask), NOTE]);
    for (const id of IDS) cli.writeLine(result(id));
    cli.writeLine(NOTE);
    await until('all answers of the client', () => upstream.bodies().length === IDS.length + 1);
    expect(sorted(upstream.bodies())).toEqual(sorted([...IDS.map(result), NOTE]));
  });

  it('have their order, and a batch is taken apart', async () => {
    const notes = Array.from({ length: 20 }, (_, index) => `{"method":"n","params":{"n":${index}.0}}`);
    cli.writeLine(`[ ${notes.slice(0, 10).join(' ,')}]`);
    for (const note of notes.slice(10)) cli.writeLine(note);
    await until('all notifications', () => upstream.bodies().length === notes.length);
    // Over Streamable HTTP each is a POST on a connection of its own.
    if (kind === 'sse') expect(upstream.bodies()).toEqual(notes);
    else expect(sorted(upstream.bodies())).toEqual(sorted(notes));
    await upstream.stream.write(event(`[${notes.slice(0, 10)}]`) + event(notes[10]!));
    await until('all notifications of the server', () => linesAfterHandshake().length === 11);
    expect(linesAfterHandshake()).toEqual(notes.slice(0, 11));
  });
});
