/** An HTTP server whose responses the test writes, each with a reader that the test can hold back. */
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { HttpResponseReader } from '../../src/upstream/http/http-response-reader.ts';
import { until, within } from './deadline.ts';

export interface OpenResponse {
  readonly response: ServerResponse;
  readonly reader: ResponseReader;
}

export interface ResponseServer {
  /** Makes a request; gives both ends of its response. */
  request(): Promise<OpenResponse>;
  close(): Promise<void>;
}

export class ResponseReader {
  readonly socket: Socket;
  status = 0;
  headers: ReadonlyMap<string, string> = new Map();
  body = '';
  bodyBytes = 0;
  /** Whether the response came to its end in good order. */
  isComplete = false;
  isClosed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new HttpResponseReader({
      head: ({ status, headers }) => {
        this.status = status;
        this.headers = headers;
      },
      data: (chunk) => {
        this.bodyBytes += chunk.length;
        if (this.bodyBytes < 1_000_000) this.body += chunk.toString();
      },
      end: () => {
        this.isComplete = true;
      },
    });
    socket.on('data', (chunk) => reader.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  async bodyIs(text: string): Promise<void> {
    await until(
      `the body ${JSON.stringify(text.slice(0, 200))}, have ${JSON.stringify(this.body)}`,
      () => this.body === text,
    );
  }

  async completed(): Promise<this> {
    await until('the end of the response', () => this.isComplete);
    return this;
  }

  /** Reads 64 kB, then nothing for `pauseMs`, and so on to the end. */
  async readSlowly(pauseMs: number): Promise<void> {
    const { socket } = this;
    socket.on('data', () => {
      socket.pause();
      setTimeout(() => socket.resume(), pauseMs);
    });
    socket.resume();
    await until('the end of the response or the connection', () => this.isComplete || this.isClosed, 15_000);
  }
}

export async function startResponseServer(): Promise<ResponseServer> {
  const responses: ServerResponse[] = [];
  const sockets: Socket[] = [];
  const server = createServer((_request, response) => responses.push(response));
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const { port } = server.address() as AddressInfo;
  return {
    request: async () => {
      const count = responses.length;
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      sockets.push(socket);
      const reader = new ResponseReader(socket);
      socket.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
      await until('the request', () => responses.length > count);
      return { response: responses[count]!, reader };
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await within(5000, 'the server to close', new Promise((fulfil) => server.close(fulfil)));
    },
  };
}
