import type { Message } from '../message/message.ts';
import type { Route, Transport, TransportEvents } from './transport.ts';

/** What an interceptor can do besides passing messages on. When the connection is over, it does nothing any more. */
export interface InterceptorLink {
  /** Whether the client is behind in reading; what it did not ask for should wait. */
  readonly isPaused: boolean;
  /** Gives the client a message. */
  sendDown(message: Message, route?: Route): void;
  /** Gives the server a message; nobody is told whether it arrived. */
  sendUp(message: Message): void;
}

/** Looks at every message between the relay and a transport; the one that it gives back goes on, with undefined none. */
export interface Interceptor {
  /** A message from the client. */
  up?(message: Message): Message | undefined;
  /** A message from the server. */
  down?(message: Message): Message | undefined;
  /** A message that `up` had passed could not be sent; its sender is told as well. */
  unsent?(message: Message): void;
  /** The connection is over. Told once; nothing is passed on afterwards. */
  end?(): void;
}

/** The transport as it is seen through an interceptor. Of several, the one put on last is the nearest to the client. */
export function intercept(transport: Transport, create: (link: InterceptorLink) => Interceptor): Transport {
  return new InterceptedTransport(transport, create);
}

class InterceptedTransport implements Transport, InterceptorLink {
  readonly #transport: Transport;
  readonly #interceptor: Interceptor;
  #events: TransportEvents | undefined;
  #isOver = false;
  isPaused = false;

  constructor(transport: Transport, create: (link: InterceptorLink) => Interceptor) {
    this.#transport = transport;
    this.#interceptor = create(this);
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return this.#transport.start({
      message: (message, route) => {
        if (this.#isOver) return;
        const passed = this.#interceptor.down === undefined ? message : this.#interceptor.down(message);
        if (passed !== undefined) return events.message(passed, route);
      },
      error: (error) => events.error(error),
      end: (error) => {
        this.#over();
        events.end(error);
      },
    });
  }

  send(message: Message, route?: Route): void | Promise<void> {
    // It is over for the transport too, which says so.
    if (this.#isOver) return this.#transport.send(message, route);
    const passed = this.#interceptor.up === undefined ? message : this.#interceptor.up(message);
    if (passed === undefined) return;
    const unsent = (thrown: unknown): never => {
      if (!this.#isOver) this.#interceptor.unsent?.(passed);
      throw thrown;
    };
    try {
      return this.#transport.send(passed, route)?.catch(unsent);
    } catch (thrown) {
      unsent(thrown);
    }
  }

  pause(): void {
    this.isPaused = true;
    this.#transport.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.#transport.resume();
  }

  close(): Promise<void> {
    this.#over();
    return this.#transport.close();
  }

  sendDown(message: Message, route?: Route): void {
    if (!this.#isOver) this.#events?.message(message, route);
  }

  sendUp(message: Message): void {
    if (this.#isOver) return;
    try {
      this.#transport.send(message)?.catch(() => {});
    } catch {
      // As with a promise that rejects: nobody waits for it.
    }
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#interceptor.end?.();
  }
}
