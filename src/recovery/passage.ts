import type { DrawbridgeError } from '../errors.ts';
import { errorReply, type Message } from '../message/message.ts';
import type { Connection } from './connection.ts';

/** A message from the client, from `send` to its answer. */
export class Passage {
  readonly message: Message;
  readonly #accept: () => void;
  readonly #reject: (error: DrawbridgeError) => void;
  readonly #answer: (reply: Message) => void;
  /** Its place among the messages of the session. */
  readonly number: number;
  /** The connection that it was handed to. */
  connection: Connection | undefined;
  /** Whether that connection's server has taken it: whether it may be running. */
  isTaken = false;
  /** How often a server was given it in vain. */
  replays = 0;
  /** Until when it may be held, in milliseconds of the monotonic clock; undefined for as long as it takes. */
  holdUntil: number | undefined;
  /** Whether nothing more is to be done for it. */
  isOver = false;
  #hasSettled = false;

  constructor(
    message: Message,
    number: number,
    accept: () => void,
    reject: (error: DrawbridgeError) => void,
    answer: (reply: Message) => void,
  ) {
    this.message = message;
    this.number = number;
    this.#accept = accept;
    this.#reject = reject;
    this.#answer = answer;
  }

  /** Whether the message may be given to a server twice: these change nothing. */
  get isSafe(): boolean {
    const { method } = this.message;
    return method === 'initialize' || method === 'ping' || method?.endsWith('/list') === true;
  }

  /** The server has it, or it needs no server any more. */
  accept(): void {
    if (this.#hasSettled) return;
    this.#hasSettled = true;
    this.#accept();
  }

  /** It will not be answered by the server: whoever sent it is told, once. */
  fail(error: DrawbridgeError): void {
    if (this.isOver) return;
    this.isOver = true;
    if (!this.#hasSettled) {
      this.#hasSettled = true;
      this.#reject(error);
    } else if (this.message.kind === 'request') this.#answer(errorReply(this.message.id, error));
  }
}
