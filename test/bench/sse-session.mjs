import { openSocket, PostConnection, ResponseReader } from './http-client.mjs';

// One legacy-SSE client: a stream, and POSTs to wherever the stream's `endpoint` event says.

const OPEN_DEADLINE_MS = 10_000;

export class SseSession {
  #options;
  #stream = null;
  #line = '';
  #event = '';
  #data = '';
  #isClosed = false;
  /** @type {PostConnection[]} */
  #connections = [];
  /** @type {(data: string) => void} */
  #onEndpoint = () => {};
  /** @type {((data: string) => void) | null} takes the answer to `initialize`, before the load starts */
  #onFirstMessage = null;
  #postHead = '';

  /**
   * @param {{ port: number, path: string, authorization?: string, onMessage: (data: string) => void,
   *   onFail: (error: Error) => void }} options
   */
  constructor(options) {
    this.#options = options;
  }

  /** How many connections its POSTs have needed so far. */
  get connectionsOpened() {
    return this.#connections.reduce((sum, connection) => sum + connection.opened, 0);
  }

  /** Opens the stream, waits for the endpoint, and shakes hands. */
  async open() {
    await this.#within('the `endpoint` event', (resolve, reject) => {
      this.#onEndpoint = resolve;
      this.#openStream(reject);
    });
    let reply = (_status) => {};
    let fail = (_error) => {};
    const control = new PostConnection(
      this.#options.port,
      (status) => reply(status),
      (error) => fail(error),
    );
    this.#connections.push(control);
    const post = (message) =>
      this.#within(`the reply to the POST of ${message.method}`, (resolve, reject) => {
        fail = reject;
        reply = (status) => (status < 300 ? resolve(status) : reject(new Error(`${message.method} got ${status}`)));
        control.send(this.frame(JSON.stringify(message)));
      });
    const initialized = this.#within('the answer to initialize', (resolve) => {
      this.#onFirstMessage = resolve;
    });
    const clientInfo = { name: 'bench', version: '1.0.0' };
    const params = { protocolVersion: '2024-11-05', capabilities: {}, clientInfo };
    // Both at once: an answer on the stream may overtake the reply to its POST.
    const [, answer] = await Promise.all([
      post({ jsonrpc: '2.0', id: 'initialize', method: 'initialize', params }),
      initialized,
    ]);
    if (JSON.parse(answer).result?.protocolVersion === undefined) throw new Error(`initialize was answered ${answer}`);
    await post({ jsonrpc: '2.0', method: 'notifications/initialized' });
    control.close();
  }

  /** @param {(status: number) => void} onReply */
  addConnection(onReply) {
    const connection = new PostConnection(this.#options.port, onReply, (error) => this.#fail(error));
    this.#connections.push(connection);
    return connection;
  }

  /** @param {string} body @returns {string} the whole POST request */
  frame(body) {
    return `${this.#postHead}Content-Length: ${body.length}\r\n\r\n${body}`;
  }

  close() {
    this.#isClosed = true;
    this.#stream?.destroy();
    for (const connection of this.#connections) connection.close();
  }

  #fail(error) {
    if (!this.#isClosed) this.#options.onFail(error);
  }

  /**
   * @template T
   * @param {string} what
   * @param {(resolve: (value: T) => void, reject: (error: Error) => void) => void} start
   */
  #within(what, start) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${what} did not come within ${OPEN_DEADLINE_MS} ms`)),
        OPEN_DEADLINE_MS,
      );
      const settle = (finish) => (value) => {
        clearTimeout(timer);
        finish(value);
      };
      start(settle(resolve), settle(reject));
    });
  }

  #openStream(reject) {
    const { port, path } = this.#options;
    const fail = (error) => {
      reject(error);
      this.#fail(error);
    };
    const reader = new ResponseReader({
      onHead: (status, head) => {
        if (status !== 200 || !/\r\ncontent-type: *text\/event-stream/i.test(head)) {
          fail(new Error(`GET ${path} did not open a stream: ${head.split('\r\n')[0]}`));
        }
      },
      onBody: (text) => this.#read(text),
      onEnd: () => fail(new Error('the stream ended')),
    });
    this.#stream = openSocket(
      port,
      (text) => {
        try {
          reader.push(text);
        } catch (error) {
          fail(error);
        }
      },
      (error) => fail(new Error(`the stream was lost: ${error?.message ?? 'closed'}`)),
    );
    this.#stream.write(`GET ${path} HTTP/1.1\r\n${this.#commonHeaders()}Accept: text/event-stream\r\n\r\n`, 'latin1');
  }

  #commonHeaders() {
    const { authorization, port } = this.#options;
    return `Host: 127.0.0.1:${port}\r\n${authorization ? `Authorization: ${authorization}\r\n` : ''}`;
  }

  /** The part of the event-stream format that servers use: event, data (several lines too), comments, CRLF or LF. */
  #read(text) {
    const all = this.#line + text;
    let start = 0;
    for (let end = all.indexOf('\n'); end >= 0; end = all.indexOf('\n', start)) {
      const line = all.slice(start, all.charCodeAt(end - 1) === 13 ? end - 1 : end);
      start = end + 1;
      if (line === '') this.#dispatch();
      else if (line.startsWith('data:')) this.#data += `${this.#data && '\n'}${line.slice(line[5] === ' ' ? 6 : 5)}`;
      else if (line.startsWith('event:')) this.#event = line.slice(6).trim();
    }
    this.#line = all.slice(start);
  }

  #dispatch() {
    const event = this.#event;
    const data = this.#data;
    this.#event = '';
    this.#data = '';
    if (data === '') return;
    if (event === 'endpoint') return this.#setEndpoint(data);
    if (this.#onFirstMessage === null) return this.#options.onMessage(data);
    const take = this.#onFirstMessage;
    this.#onFirstMessage = null;
    take(data);
  }

  #setEndpoint(data) {
    const origin = `http://127.0.0.1:${this.#options.port}`;
    const url = new URL(data, origin + this.#options.path);
    if (url.origin !== origin) return this.#fail(new Error(`the endpoint ${data} is not on ${origin}`));
    this.#postHead =
      `POST ${url.pathname}${url.search} HTTP/1.1\r\n${this.#commonHeaders()}` +
      'Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n';
    this.#onEndpoint(data);
  }
}
