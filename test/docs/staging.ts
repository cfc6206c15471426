/** What a bridge says in a situation that goes wrong: all that its user can see of it. */
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { type CliOptions, type CliProcess, linesOf, runCli, startCli } from '../parts/run-cli.ts';
import { answers, callTool, INITIALIZE, INITIALIZED } from '../parts/stdio-messages.ts';

/** Each line of stderr, and of each JSON-RPC answer the text that a client shows. */
export type Said = readonly string[];

/** A server or listener of a situation. */
export interface Staged {
  readonly port: number;
  close(): Promise<void>;
}

/** Long enough for what a situation takes to come about on a busy machine, since what is told is what is known by then. */
const SOON = ['--initialize-timeout', '3', '--hold', '0.2'];

/** Starts a bridge, takes it through the handshake, makes one call, and closes stdin. It may end before. */
export async function converse(args: readonly string[], options: CliOptions = {}): Promise<Said> {
  const bridge = startCli([...args, ...SOON], options);
  bridge.writeLine(INITIALIZE);
  const first = await bridge.line('initialize is answered', answers('1'));
  if (!first.includes('"error"')) {
    bridge.writeLine(INITIALIZED);
    bridge.writeLine(callTool('2', 'echo', { text: 'a' }));
    await bridge.line('the call is answered', answers('2'));
  }
  return endOf(bridge);
}

/** Closes stdin and waits for the end. */
export async function endOf(bridge: CliProcess): Promise<Said> {
  bridge.child.stdin.end();
  return saidBy(await bridge.exited());
}

/** What a bridge says that does not come to its handshake, or need not. */
export async function invoke(args: readonly string[], options: CliOptions & { input?: string } = {}): Promise<Said> {
  return saidBy(await runCli(args, options));
}

function saidBy({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): Said {
  const shown = linesOf(stdout).flatMap((line) => {
    const { error, result } = JSON.parse(line) as {
      error?: { message: string; data?: { hint?: string } };
      result?: { instructions?: string };
    };
    return [error?.message, error?.data?.hint, result?.instructions].filter((text) => text !== undefined);
  });
  return [...linesOf(stderr), ...shown];
}

/** Runs the situation while the listener is there. */
export async function during(staged: Staged, situation: (staged: Staged) => Promise<Said>): Promise<Said> {
  try {
    return await situation(staged);
  } finally {
    await staged.close();
  }
}

export async function startHttp(listener: RequestListener): Promise<Staged> {
  const server = createServer(listener);
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        server.closeAllConnections();
      }),
  };
}

/** A listener of TCP alone. */
export async function startTcp(serve: (socket: Socket) => void): Promise<Staged> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    serve(socket.on('error', () => {}));
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((fulfil) => server.close(() => fulfil()));
    },
  };
}

/** A port on which nobody listens. */
export async function findClosedPort(): Promise<number> {
  const { port, close } = await startTcp(() => {});
  await close();
  return port;
}

/** A server of Streamable HTTP that shakes hands, and leaves calls and pings to the situation. */
export function startMcp(onRequest: (res: ServerResponse, method: string) => void): Promise<Staged> {
  return startHttp((req, res) => {
    let body = '';
    req.setEncoding('utf8').on('data', (chunk: string) => {
      body += chunk;
    });
    req.on('end', () => {
      if (req.method !== 'POST') res.writeHead(405).end();
      else if (body === INITIALIZE) {
        const result = {
          protocolVersion: '2025-06-18',
          capabilities: {},
          serverInfo: { name: 'staged', version: '1' },
        };
        answer(res, { id: 1, result });
      } else if (body === INITIALIZED) res.writeHead(202).end();
      else onRequest(res, (JSON.parse(body) as { method: string }).method);
    });
  });
}

export function answer(res: ServerResponse, message: object): void {
  res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', ...message }));
}
