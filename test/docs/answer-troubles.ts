/** Situations in which the server answers, or should, by the headings of docs/troubleshooting.md. */
import type { ServerResponse } from 'node:http';
import { until } from '../parts/deadline.ts';
import { startCli } from '../parts/run-cli.ts';
import { startSilentUpstream } from '../parts/silent-upstream.ts';
import { answers, callTool, handshake } from '../parts/stdio-messages.ts';
import { answer, converse, during, endOf, type Said, startHttp, startMcp, startTcp } from './staging.ts';

const WELCOME = '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{}}}';

export const ANSWER_TROUBLES: Readonly<Record<string, () => Promise<Said>>> = {
  '<host>:<port> refused the supplied credential: HTTP <status>': () => answeredWith(401, 'text/plain', 'who are you?'),

  '<host>:<port> does not know this session or path: HTTP 404': () => answeredWith(404, 'text/plain', 'Not Found'),

  '<host>:<port> did not answer as an MCP server: HTTP <status>, <type>': () =>
    answeredWith(200, 'text/html', '<html>Welcome</html>'),

  '<host>:<port> redirects to <url>: HTTP <status>': async () =>
    during(
      await startHttp((_req, res) => res.writeHead(302, { location: 'https://login.example.com/' }).end()),
      ({ port }) => converse([`http://127.0.0.1:${port}/mcp`]),
    ),

  '<host>:<port> does not accept this Host header: HTTP 421': () =>
    answeredWith(421, 'text/plain', 'Invalid Host header'),

  '<host>:<port> answered with an error: HTTP <status>': () =>
    answeredWith(502, 'text/html', '<html>Bad Gateway</html>'),

  '<host>:<port> takes no more requests for now, and asks to be left alone for <n> s: HTTP 429': async () =>
    during(
      await startMcp((res) =>
        res.writeHead(429, { 'retry-after': '30', 'content-type': 'text/plain' }).end('slow down'),
      ),
      ({ port }) => converse([`http://127.0.0.1:${port}/mcp`]),
    ),

  'The MCP server cannot be used at the moment: <why>': async () =>
    during(await startTcp((socket) => socket.end()), ({ port }) => converse([`http://127.0.0.1:${port}/mcp`])),

  '<host>:<port> has not answered initialize within <n> s': async () =>
    during(await startTcp(() => {}), ({ port }) => converse([`http://127.0.0.1:${port}/mcp`])),

  '<host>:<port> was lost before it answered: <cause>': async () =>
    during(
      await startMcp((res) => {
        // The call is taken, and then the server is killed.
        res.writeHead(200, { 'content-type': 'text/event-stream' }).write(': taken\n\n');
        setImmediate(() => res.destroy());
      }),
      ({ port }) => converse([`http://127.0.0.1:${port}/mcp`]),
    ),

  '<host>:<port> did not answer ping within <n> s': stageSilence,

  'the MCP server did not answer <method> within <n> s: the limit is that of --request-timeout, and the call was cancelled':
    async () =>
      during(
        await startMcp((res, method) => {
          if (method === 'notifications/cancelled') res.writeHead(202).end();
        }),
        ({ port }) => converse([`http://127.0.0.1:${port}/mcp`, '--request-timeout', '0.2']),
      ),

  'Tool "<name>" is not available': async () =>
    during(await startMcp((res) => answer(res, { id: 2, result: {} })), ({ port }) =>
      converse([`http://127.0.0.1:${port}/mcp`, '--ignore-tool', 'echo']),
    ),
};

/** Every request is answered so. */
async function answeredWith(status: number, type: string, body: string): Promise<Said> {
  const serve = (_req: unknown, res: ServerResponse): unknown =>
    res.writeHead(status, { 'content-type': type }).end(body);
  return during(await startHttp(serve), ({ port }) => converse([`http://127.0.0.1:${port}/mcp`]));
}

/** A link that carries nothing more, after the handshake. */
async function stageSilence(): Promise<Said> {
  const upstream = await startSilentUpstream();
  return during(upstream, async () => {
    const bridge = startCli([upstream.url, '--ping-interval', '0.4', '--pong-timeout', '0.2']);
    const handshaken = handshake(bridge);
    await until('initialize has come', () => upstream.posts.length > 0);
    upstream.write(`event: message\ndata: ${WELCOME}\n\n`);
    await handshaken;
    bridge.writeLine(callTool('2', 'echo'));
    await bridge.line('the call is answered', answers('2'));
    return endOf(bridge);
  });
}
