/** A transport in memory whose two hands are the test's: what it was given is recorded, what it tells is told by the test. */
import type { DrawbridgeError } from '../../src/errors.ts';
import { type Message, readMessage } from '../../src/message/message.ts';
import type { Route, Transport, TransportEvents } from '../../src/relay/transport.ts';
import { until } from './deadline.ts';

export const messageOf = (text: string): Message => readMessage(Buffer.from(text));
export const request = (id: string, method = 'tools/call'): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{}}`;
export const answer = (id: string, result = '{}'): string => `{"jsonrpc":"2.0","id":${id},"result":${result}}`;

/** A promise that the test settles. */
export interface Settleable {
  readonly promise: Promise<void>;
  readonly fulfil: () => void;
  readonly reject: (error: unknown) => void;
}

export function settleable(): Settleable {
  let fulfil: () => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<void>((yes, no) => {
    fulfil = yes;
    reject = no;
  });
  return { promise, fulfil, reject };
}

export class MemoryTransport implements Transport {
  /** Everything that was done to it, in order. */
  readonly calls: string[] = [];
  heardAt = 0;
  /** The messages it was given to send, as text. */
  readonly sent: string[] = [];
  readonly routes: (Route | undefined)[] = [];
  /** What `start` does; at once unless the test says otherwise. */
  onStart: (events: TransportEvents) => Promise<void> = () => Promise.resolve();
  /** What `send` gives back; nothing unless the test says otherwise. */
  onSend: (text: string) => void | Promise<void> = () => {};
  #events: TransportEvents | undefined;

  get events(): TransportEvents {
    if (this.#events === undefined) throw new Error('not started');
    return this.#events;
  }

  start(events: TransportEvents): Promise<void> {
    this.calls.push('start');
    this.#events = events;
    return this.onStart(events);
  }

  send(message: Message, route?: Route): void | Promise<void> {
    const text = message.bytes.toString();
    this.sent.push(text);
    this.routes.push(route);
    return this.onSend(text);
  }

  pause(): void {
    this.calls.push('pause');
  }

  resume(): void {
    this.calls.push('resume');
  }

  close(): Promise<void> {
    this.calls.push('close');
    return Promise.resolve();
  }

  /** A message arrives here. */
  tell(text: string, route?: Route): void | Promise<void> {
    return this.events.message(messageOf(text), route);
  }
}

/** Keeps what a transport tells. */
export class EventLog implements TransportEvents {
  readonly messages: string[] = [];
  readonly routes: (Route | undefined)[] = [];
  readonly errors: DrawbridgeError[] = [];
  readonly ends: (DrawbridgeError | undefined)[] = [];

  message(message: Message, route?: Route): void {
    this.messages.push(message.bytes.toString());
    this.routes.push(route);
  }

  error(error: DrawbridgeError): void {
    this.errors.push(error);
  }

  end(error?: DrawbridgeError): void {
    this.ends.push(error);
  }

  async messageCount(count: number): Promise<readonly string[]> {
    await until(`${count} messages, have ${this.messages.length}`, () => this.messages.length >= count);
    return this.messages;
  }

  async ended(): Promise<DrawbridgeError | undefined> {
    await until('the end of the transport', () => this.ends.length > 0);
    return this.ends[0];
  }
}

/** For a message whose fate the test does not look at. */
export function quietly(sent: unknown): void {
  Promise.resolve(sent).catch(() => {});
}

/** The error that a promise rejects with, where it should reject. */
export async function rejectionOf(promise: unknown): Promise<DrawbridgeError> {
  try {
    await promise;
  } catch (thrown) {
    return thrown as DrawbridgeError;
  }
  throw new Error('it did not reject');
}
