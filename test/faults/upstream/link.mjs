import { createServer } from 'node:net';
import { Duplex } from 'node:stream';

// The network in front of the staged server: it can go away, come back on the same port, or swallow what is sent.

/** Below what systems give to outgoing connections, so that nobody takes the port while the server is away. */
const FIRST_PORT = 20_000;
const PORT_COUNT = 12_000;
const ATTEMPTS = 50;

/** One TCP connection, as the HTTP server sees it. */
class Connection extends Duplex {
  /** From now on whatever either side writes vanishes, and neither is told. */
  isSwallowed = false;
  #socket;

  /** @param {import('node:net').Socket} socket */
  constructor(socket) {
    super();
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      if (!this.isSwallowed && !this.push(chunk)) socket.pause();
    });
    socket.on('end', () => {
      if (!this.isSwallowed) this.push(null);
    });
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
    this.on('error', () => {});
  }

  _read() {
    this.#socket.resume();
  }

  _write(chunk, _encoding, done) {
    if (this.isSwallowed) done();
    else this.#socket.write(chunk, done);
  }

  _final(done) {
    if (this.isSwallowed) done();
    else this.#socket.end(done);
  }

  _destroy(error, done) {
    this.#socket.destroy();
    done(error);
  }
}

export class Link {
  /** @type {Set<Connection>} */
  #connections = new Set();
  #listener;
  #port = 0;

  /** @param {(connection: Duplex) => void} serve */
  constructor(serve) {
    this.#listener = createServer({ allowHalfOpen: true }, (socket) => {
      const connection = new Connection(socket);
      this.#connections.add(connection);
      connection.on('close', () => this.#connections.delete(connection));
      serve(connection);
    });
  }

  get port() {
    return this.#port;
  }

  /** Listens: on the same port as before, where there was one. */
  async open() {
    for (let attempt = 1; ; attempt++) {
      const port = this.#port || FIRST_PORT + Math.floor(Math.random() * PORT_COUNT);
      try {
        await this.#listen(port);
        this.#port = port;
        return;
      } catch (error) {
        if (error.code !== 'EADDRINUSE' || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Ends every connection at once and listens no more, as the kernel does for a killed process. */
  async cut() {
    const closed = new Promise((fulfil) => this.#listener.close(fulfil));
    this.cutConnections();
    await closed;
  }

  /** Ends every connection at once. */
  cutConnections() {
    for (const connection of this.#connections) connection.destroy();
  }

  /** Connections that exist now stay open and carry nothing any more; new ones work. */
  swallow() {
    for (const connection of this.#connections) connection.isSwallowed = true;
  }

  #listen(port) {
    return new Promise((fulfil, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(port, '127.0.0.1', () => {
        this.#listener.off('error', reject);
        fulfil();
      });
    });
  }
}
