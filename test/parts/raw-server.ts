/** A TCP server on 127.0.0.1 that answers byte for byte what the test says, and keeps every request that it was sent. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { until, within } from './deadline.ts';

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly head: string;
  /** By lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly connection: RawConnection;
  /** Writes to the connection that it came on. */
  reply(bytes: string | Buffer): Promise<void>;
}

export interface RawConnection {
  readonly socket: Socket;
  /** Whether the other side has closed it. */
  readonly isClosed: boolean;
  write(bytes: string | Buffer): Promise<void>;
  /** Each slice in a packet of its own, as far as the system lets us. */
  writeSlices(slices: readonly Buffer[]): Promise<void>;
  /** Closes in good order (FIN), after these bytes. */
  end(bytes?: string): void;
  /** Closes as a crash does (RST). */
  reset(): void;
}

export interface RawServer {
  readonly port: number;
  readonly connections: RawConnection[];
  /** Every request that arrived whole, oldest first. */
  readonly requests: RawRequest[];
  url(path: string): URL;
  /** The next request that no test has taken yet; `what` is its method, or its method and path. */
  next(what: string): Promise<RawRequest>;
  close(): Promise<void>;
}

export async function startRawServer(): Promise<RawServer> {
  const connections: RawConnection[] = [];
  const requests: RawRequest[] = [];
  let taken = 0;
  const listener = createServer({ noDelay: true }, (socket) => {
    const connection = connectionOf(socket);
    connections.push(connection);
    let held = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      held = Buffer.concat([held, chunk]);
      for (let found = parse(held, connection); found !== undefined; found = parse(held, connection)) {
        requests.push(found.request);
        held = held.subarray(found.bytes);
      }
    });
  });
  await new Promise<void>((fulfil) => listener.listen(0, '127.0.0.1', fulfil));
  const { port } = listener.address() as AddressInfo;
  return {
    port,
    connections,
    requests,
    url: (path) => new URL(`http://127.0.0.1:${port}${path}`),
    next: async (what) => {
      await until(`the request ${what}`, () => requests.length > taken);
      const request = requests[taken++]!;
      const seen = `${request.method} ${request.path}`;
      if (seen !== what && request.method !== what) throw new Error(`expected ${what}, but ${seen} came`);
      return request;
    },
    close: () => {
      for (const { socket } of connections) socket.destroy();
      return within(5000, 'the raw server to close', new Promise((fulfil) => listener.close(() => fulfil())));
    },
  };
}

function connectionOf(socket: Socket): RawConnection {
  let isClosed = false;
  socket.on('error', () => {});
  socket.on('end', () => (isClosed = true));
  socket.on('close', () => (isClosed = true));
  const write = (bytes: string | Buffer): Promise<void> => {
    return new Promise((fulfil) => socket.write(bytes, () => fulfil()));
  };
  return {
    socket,
    get isClosed() {
      return isClosed;
    },
    write,
    writeSlices: async (slices) => {
      for (const slice of slices) {
        await write(slice);
        await new Promise((fulfil) => setImmediate(fulfil));
      }
    },
    end: (bytes) => void (bytes === undefined ? socket.end() : socket.end(bytes)),
    reset: () => void socket.resetAndDestroy(),
  };
}

function parse(held: Buffer, connection: RawConnection): { request: RawRequest; bytes: number } | undefined {
  const headEnd = held.indexOf('\r\n\r\n');
  if (headEnd === -1) return undefined;
  const head = held.toString('latin1', 0, headEnd);
  const [line = '', ...lines] = head.split('\r\n');
  const [method = '', path = ''] = line.split(' ');
  const headers = new Map(lines.map((each) => [each.split(':')[0]!.toLowerCase(), each.slice(each.indexOf(':') + 2)]));
  const bytes = headEnd + 4 + Number(headers.get('content-length') ?? 0);
  if (held.length < bytes) return undefined;
  const body = held.toString('utf8', headEnd + 4, bytes);
  const request = { method, path, head, headers, body, connection, reply: connection.write };
  return { request, bytes };
}

/** A whole response with its length. */
export function response(status: number, body = '', headers: Readonly<Record<string, string>> = {}): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} X\r\n${lines.join('')}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

export const json = (body: string, headers: Readonly<Record<string, string>> = {}): string =>
  response(200, body, { 'Content-Type': 'application/json', ...headers });

/** The head of an event stream that ends with its connection. */
export const STREAM_HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n';
export const event = (data: string, fields = 'event: message\n'): string => `${fields}data: ${data}\n\n`;
