import { connect } from 'node:net';

// The load generator's side of HTTP/1.1, on raw sockets: node:http would cost it more CPU than the gateway spends.

const MAX_HEAD_BYTES = 32_768;

/** Every read is consumed before the next one happens, so all sockets can share one buffer. */
const readBuffer = Buffer.allocUnsafe(65_536);

/**
 * Opens a socket to 127.0.0.1.
 * @param {number} port
 * @param {(text: string) => void} onText each read, as latin1
 * @param {(error: Error | null) => void} onClose called once
 */
export function openSocket(port, onText, onClose) {
  let lastError = null;
  const socket = connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    onread: {
      buffer: readBuffer,
      callback: (bytes, buffer) => {
        onText(buffer.latin1Slice(0, bytes));
        return true;
      },
    },
  });
  socket.on('error', (error) => {
    lastError = error;
  });
  socket.on('close', () => onClose(lastError));
  return socket;
}

/** Takes HTTP responses apart, one after the other, wherever the reads happen to split them. */
export class ResponseReader {
  #text = '';
  /** @type {'head' | 'counted' | 'size' | 'chunk' | 'trailer' | 'rest'} */
  #state = 'head';
  #left = 0;
  #status = 0;
  #isLast = false;
  #handlers;

  /**
   * @param {{ onHead?: (status: number, head: string) => void, onBody?: (text: string) => void,
   *   onEnd: (status: number, isLast: boolean) => void }} handlers isLast: the server will close this connection
   */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** @param {string} text @throws {Error} on what is not HTTP */
  push(text) {
    this.#text = this.#text === '' ? text : this.#text + text;
    let before = -1;
    // Each turn consumes text or changes state; one that does neither has to wait for the next read.
    while (this.#text !== '' && before !== this.#text.length) {
      before = this.#text.length;
      this.#step();
    }
  }

  #step() {
    switch (this.#state) {
      case 'head':
        return this.#readHead();
      case 'size':
        return this.#readSize();
      case 'trailer':
        // After the last chunk there is an empty line; nobody here sends trailer fields.
        if (this.#text.length >= 2) this.#finish(2);
        return;
      case 'rest':
        return this.#emit(this.#text.length);
      case 'chunk':
        if (this.#left > 2) return this.#emit(Math.min(this.#text.length, this.#left - 2));
        if (this.#text.length < this.#left) return;
        this.#text = this.#text.slice(this.#left);
        this.#state = 'size';
        return;
      default:
        this.#emit(Math.min(this.#text.length, this.#left));
        if (this.#left === 0) this.#finish(0);
    }
  }

  #readHead() {
    const end = this.#text.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#text.length > MAX_HEAD_BYTES) throw new Error('the answer has an endless header');
      return;
    }
    const head = this.#text.slice(0, end);
    if (!head.startsWith('HTTP/1.')) throw new Error(`not an HTTP answer: ${head.slice(0, 80)}`);
    this.#text = this.#text.slice(end + 4);
    this.#status = Number(head.slice(9, 12));
    this.#isLast = /\r\nconnection: *close/i.test(head);
    this.#handlers.onHead?.(this.#status, head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length !== undefined || this.#status === 204) {
      this.#left = Number(length ?? 0);
      this.#state = 'counted';
      if (this.#left === 0) this.#finish(0);
    } else {
      this.#state = /\r\ntransfer-encoding: *chunked/i.test(head) ? 'size' : 'rest';
    }
  }

  #readSize() {
    const end = this.#text.indexOf('\r\n');
    if (end < 0) return;
    const size = Number.parseInt(this.#text.slice(0, end), 16);
    if (!(size >= 0)) throw new Error(`not a chunk size: ${this.#text.slice(0, 40)}`);
    this.#text = this.#text.slice(end + 2);
    this.#left = size + 2;
    this.#state = size === 0 ? 'trailer' : 'chunk';
  }

  #emit(bytes) {
    const piece = bytes === this.#text.length ? this.#text : this.#text.slice(0, bytes);
    this.#text = this.#text.slice(bytes);
    this.#left -= bytes;
    if (piece !== '') this.#handlers.onBody?.(piece);
  }

  #finish(bytes) {
    this.#text = this.#text.slice(bytes);
    this.#state = 'head';
    this.#handlers.onEnd(this.#status, this.#isLast);
  }
}

/** A keep-alive connection that carries one POST at a time; opens again when the server has closed it in between. */
export class PostConnection {
  #socket = null;
  #isBusy = false;
  #isClosed = false;
  #port;
  #onReply;
  #onFail;

  /** @param {number} port @param {(status: number) => void} onReply @param {(error: Error) => void} onFail */
  constructor(port, onReply, onFail) {
    this.#port = port;
    this.#onReply = onReply;
    this.#onFail = onFail;
  }

  /** How often a connection had to be opened; more than one means that the target does not keep them. */
  opened = 0;

  /** @param {string} request the whole request, head and body */
  send(request) {
    this.#isBusy = true;
    this.#socket ??= this.#open();
    this.#socket.write(request, 'latin1');
  }

  #open() {
    this.opened += 1;
    const reader = new ResponseReader({
      onEnd: (status, isLast) => {
        this.#isBusy = false;
        if (isLast) this.#drop();
        this.#onReply(status);
      },
    });
    const socket = openSocket(
      this.#port,
      (text) => {
        try {
          reader.push(text);
        } catch (error) {
          this.#onFail(error);
        }
      },
      (error) => {
        if (socket !== this.#socket) return;
        this.#socket = null;
        if (this.#isBusy && !this.#isClosed) {
          this.#onFail(new Error(`the connection of a POST was lost before its reply: ${error?.message ?? 'closed'}`));
        }
      },
    );
    return socket;
  }

  #drop() {
    this.#socket?.destroy();
    this.#socket = null;
  }

  close() {
    this.#isClosed = true;
    this.#drop();
  }
}
