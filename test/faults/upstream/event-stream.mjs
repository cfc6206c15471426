/** A response that is an event stream: it keeps its events where it has ids, so that another response can go on with it. */
export class EventStream {
  #events = [];
  #response;
  #hasIds;
  #isOver = false;

  /**
   * @param {string} name stands before the number of an event in its id
   * @param {{ hasIds: boolean, retryMs?: number | undefined }} options
   */
  constructor(name, { hasIds, retryMs }) {
    this.name = name;
    this.#hasIds = hasIds;
    this.retryMs = retryMs;
  }

  get isOpen() {
    return this.#response !== undefined;
  }

  /**
   * Goes on in this response, with what came after the event that the client had last.
   * @param {import('node:http').ServerResponse} response
   * @param {{ after?: number, headers?: Record<string, string> }} [options]
   */
  attach(response, { after, headers = {} } = {}) {
    this.#response = response;
    response.on('close', () => {
      if (this.#response === response) this.#response = undefined;
    });
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', ...headers });
    response.flushHeaders();
    if (this.retryMs !== undefined) response.write(`retry: ${this.retryMs}\n\n`);
    // An id without data tells the client where to begin (MCP 2025-11-25, polling).
    if (this.#hasIds && after === undefined) response.write(`id: ${this.name}_0\ndata:\n\n`);
    for (const text of this.#events.slice(after ?? 0)) response.write(text);
    if (this.#isOver) response.end();
  }

  /** @param {string} data @param {string} [type] */
  write(data, type = 'message') {
    const id = this.#hasIds ? `id: ${this.name}_${this.#events.length + 1}\n` : '';
    const text = `event: ${type}\n${id}data: ${data}\n\n`;
    // Only what may be asked for again is kept; results of many megabytes are not.
    if (this.#hasIds) this.#events.push(text);
    this.#response?.write(text);
  }

  end() {
    this.#isOver = true;
    this.#response?.end();
  }

  /** The connection breaks; the stream itself goes on. */
  cut() {
    this.#response?.destroy();
  }

  /** The server ends this response in good order; the stream itself goes on. */
  endResponse() {
    this.#response?.end();
  }
}
