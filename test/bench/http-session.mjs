import { request } from 'node:http';
import { openSocket, ResponseReader } from './http-client.mjs';

// One Streamable HTTP client: a handshake, and the GET stream on which a server speaks by itself.

const DEADLINE_MS = 20_000;
const INITIALIZE = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bench', version: '1.0.0' } },
});
const INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}';

export class HttpSession {
  #options;
  #stream = null;
  #isClosed = false;
  #id = '';

  /**
   * @param {{ port: number, path: string, authorization?: string, agent: import('node:http').Agent,
   *   onFail: (error: Error) => void }} options agent: whose connections the POSTs share with other sessions
   */
  constructor(options) {
    this.#options = options;
  }

  /** Shakes hands and opens the stream. */
  async open() {
    const { id } = await this.#post(INITIALIZE);
    if (typeof id !== 'string') throw new Error('initialize was answered without a session id');
    this.#id = id;
    await this.#post(INITIALIZED);
    await this.#listen();
  }

  /** Ends the session, as a client does that knows how. */
  async close() {
    this.#isClosed = true;
    this.#stream?.destroy();
    await this.#send('DELETE');
  }

  /** @param {string} body */
  #post(body) {
    return this.#send('POST', body);
  }

  /** @returns {Promise<{ status: number, id: string | string[] | undefined }>} */
  #send(method, body = '') {
    const { port, path, agent } = this.#options;
    const headers = {
      ...this.#headers(),
      'Content-Type': 'application/json',
      'Content-Length': String(body.length),
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(
        { host: '127.0.0.1', port, path, method, headers, agent, timeout: DEADLINE_MS },
        (answer) => {
          answer.on('error', reject).resume();
          answer.on('end', () => {
            const status = answer.statusCode ?? 0;
            if (status < 300) resolve({ status, id: answer.headers['mcp-session-id'] });
            else reject(new Error(`${method} ${path} was answered ${status}`));
          });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${DEADLINE_MS} ms`)));
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  #listen() {
    const { port, path, onFail } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (error) => {
        reject(error);
        if (!this.#isClosed) onFail(error);
      };
      const reader = new ResponseReader({
        onHead: (status) =>
          status === 200 ? resolve(undefined) : fail(new Error(`GET ${path} was answered ${status}`)),
        onEnd: () => fail(new Error('the stream ended')),
      });
      this.#stream = openSocket(
        port,
        (text) => reader.push(text),
        (error) => fail(new Error(`the stream was lost: ${error?.message ?? 'closed'}`)),
      );
      const lines = Object.entries(this.#headers()).map(([name, value]) => `${name}: ${value}\r\n`);
      this.#stream.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines.join('')}\r\n`, 'latin1');
    });
  }

  #headers() {
    const { authorization } = this.#options;
    return {
      Accept: 'application/json, text/event-stream',
      ...(authorization && { Authorization: authorization }),
      ...(this.#id && { 'Mcp-Session-Id': this.#id, 'MCP-Protocol-Version': '2025-11-25' }),
    };
  }
}
