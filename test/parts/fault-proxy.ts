/** A TCP proxy between any two parties of a test, which does to their connections what networks do. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { within } from './deadline.ts';

/** `up` is what whoever dialled the proxy sends, `down` what comes back. */
export type Direction = 'up' | 'down';
/** How a connection is cut: in good order, or as a crash does it. */
export type Cut = 'fin' | 'rst';

export interface Faults {
  /** Every piece waits this long, in milliseconds. */
  latencyMs?: number;
  /** Each byte is written by itself. */
  bytewise?: boolean;
  /** A connection is cut on both sides when so many bytes have passed in this direction; the rest is lost. */
  cutAfter?: { readonly direction: Direction; readonly bytes: number; readonly how: Cut };
}

export interface FaultProxy {
  readonly port: number;
  readonly url: (path: string) => string;
  /** For connections to come, and for what still arrives on those that are open. */
  readonly faults: Faults;
  /** Connections open at the moment. */
  readonly connectionCount: number;
  /** Connections that were ever accepted. */
  readonly acceptedCount: number;
  /** Connections to come go there. */
  target(port: number): void;
  /** Cuts every connection that is open; with `only` the newest alone, or the one at this place in the order of their age. */
  cut(how: Cut, only?: 'newest' | number): void;
  /** Whether the connection from this port of its client was cut here. */
  hasCut(port: number): boolean;
  /** Forwards nothing any more and keeps the sockets, as a link does that was lost without a word. */
  stall(): void;
  /** Reads nothing, so that both sides feel that the other does not take any more, until `resume`. */
  pause(): void;
  resume(): void;
  /** Writes bytes of our own to every connection that is open. */
  inject(direction: Direction, bytes: string | Buffer): void;
  /** Accepts nothing until `accept`: whoever dials is refused. */
  refuse(): void;
  accept(): Promise<void>;
  close(): Promise<void>;
}

export async function startFaultProxy(targetPort: number): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(targetPort);
  await proxy.accept();
  return proxy;
}

class TcpFaultProxy implements FaultProxy {
  readonly faults: Faults = {};
  readonly #links = new Set<Link>();
  readonly #cutPorts = new Set<number>();
  #server: ReturnType<typeof createServer> | undefined;
  #target: number;
  acceptedCount = 0;
  port = 0;

  constructor(targetPort: number) {
    this.#target = targetPort;
  }

  readonly url = (path: string): string => `http://127.0.0.1:${this.port}${path}`;

  get connectionCount(): number {
    return this.#links.size;
  }

  target(port: number): void {
    this.#target = port;
  }

  cut(how: Cut, only?: 'newest' | number): void {
    const links = [...this.#links];
    for (const link of only === undefined ? links : links.slice(only === 'newest' ? -1 : only).slice(0, 1)) {
      this.#cutPorts.add(link.down.remotePort ?? 0);
      link.cut(how);
    }
  }

  hasCut(port: number): boolean {
    return this.#cutPorts.has(port);
  }

  stall(): void {
    for (const link of this.#links) link.isStalled = true;
  }

  pause(): void {
    for (const { down, up } of this.#links) for (const socket of [down, up]) socket.pause();
  }

  resume(): void {
    for (const { down, up } of this.#links) for (const socket of [down, up]) socket.resume();
  }

  inject(direction: Direction, bytes: string | Buffer): void {
    for (const { down, up } of this.#links) (direction === 'up' ? up : down).write(bytes);
  }

  refuse(): void {
    // It listens no more at once; connections that are open stay so.
    this.#server?.close();
    this.#server = undefined;
  }

  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
      this.acceptedCount++;
      // The system gives ports out again.
      this.#cutPorts.delete(socket.remotePort ?? 0);
      const link = new Link(socket, this.#target, this.faults, () => this.#links.delete(link));
      this.#links.add(link);
    });
    this.#server = server;
    await new Promise<void>((fulfil, reject) => {
      server.on('error', reject);
      server.listen(this.port, '127.0.0.1', fulfil);
    });
    this.port = (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    const closed = new Promise((fulfil) => (server === undefined ? fulfil(undefined) : server.on('close', fulfil)));
    this.refuse();
    this.cut('rst');
    await within(5000, 'the fault proxy closes', closed);
  }
}

/** One accepted connection and the one dialled for it. */
class Link {
  readonly down: Socket;
  readonly up: Socket;
  readonly #faults: Faults;
  readonly #onClosed: () => void;
  readonly #passed = { up: 0, down: 0 };
  isStalled = false;
  #isCut = false;

  constructor(down: Socket, port: number, faults: Faults, onClosed: () => void) {
    this.down = down;
    this.up = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    this.#faults = faults;
    this.#onClosed = onClosed;
    this.#forward('up', this.down, this.up);
    this.#forward('down', this.up, this.down);
  }

  cut(how: Cut): void {
    if (this.#isCut) return;
    this.#isCut = true;
    for (const socket of [this.down, this.up]) {
      if (how === 'rst') reset(socket);
      else if (socket.connecting) socket.destroy();
      // What was written before is still to arrive.
      else socket.end(() => socket.destroy());
    }
    this.#onClosed();
  }

  #forward(direction: Direction, from: Socket, to: Socket): void {
    // One piece after the other, whatever the faults of each take.
    let last = Promise.resolve();
    const then = (step: () => Promise<void> | void): void => {
      last = last.then(step);
    };
    from.on('data', (chunk: Buffer) => {
      if (this.isStalled || this.#isCut) return;
      const { latencyMs = 0 } = this.#faults;
      const dueAt = performance.now() + latencyMs;
      then(async () => {
        if (latencyMs > 0) await new Promise((fulfil) => setTimeout(fulfil, Math.max(0, dueAt - performance.now())));
        await this.#pass(direction, chunk, from, to);
      });
    });
    from.on('end', () => then(() => (this.isStalled ? undefined : void to.end())));
    from.on('error', () => this.isStalled || this.cut('rst'));
    from.on('close', () => {
      if (!this.isStalled && to.destroyed) this.cut('fin');
    });
  }

  async #pass(direction: Direction, chunk: Buffer, from: Socket, to: Socket): Promise<void> {
    if (this.isStalled || this.#isCut || to.destroyed) return;
    const { cutAfter, bytewise = false } = this.#faults;
    const left =
      cutAfter?.direction === direction ? cutAfter.bytes - this.#passed[direction] : Number.POSITIVE_INFINITY;
    const bytes = chunk.length > left ? chunk.subarray(0, Math.max(0, left)) : chunk;
    this.#passed[direction] += bytes.length;
    if (bytewise) {
      for (let index = 0; index < bytes.length; index++) await written(to, bytes.subarray(index, index + 1));
    } else if (bytes.length > 0 && !to.write(bytes)) {
      from.pause();
      await new Promise<void>((fulfil) => {
        to.once('drain', fulfil).once('close', fulfil);
      });
      from.resume();
    }
    if (cutAfter?.direction !== direction || this.#passed[direction] < cutAfter.bytes) return;
    // A reset may overtake bytes that the other side has not read yet.
    if (cutAfter.how === 'rst') await new Promise((fulfil) => setTimeout(fulfil, 10));
    this.cut(cutAfter.how);
  }
}

/** `resetAndDestroy` would end the connection in good order first; this is the one step of it that is wanted. */
function reset(socket: Socket): void {
  Object.assign(socket, { resetAndClosing: !socket.connecting }).destroy();
}

/** Each in a packet of its own, as far as the system lets us. */
async function written(socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.destroyed) return;
  await new Promise<void>((fulfil) => {
    socket.write(bytes, () => setImmediate(fulfil));
  });
}
