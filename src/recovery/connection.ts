import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Message } from '../message/message.ts';
import type { Transport } from '../relay/transport.ts';

interface Question {
  readonly fulfil: (answer: Message) => void;
  readonly reject: (error: DrawbridgeError) => void;
  readonly deadline: NodeJS.Timeout;
  /** Whether the server has taken it, though it has not answered yet. */
  isTaken: boolean;
}

/**
 * One upstream transport among those that a session lives through, with the questions that we ask on it ourselves:
 * the silent handshake, pings, lists.
 */
export class Connection {
  readonly transport: Transport;
  readonly #where: string;
  readonly #questions = new Map<string, Question>();
  /** Requests of the server that the client has yet to answer: key to id text. */
  readonly serverRequests = new Map<string, string>();
  /** Until `start` and the handshake are over, whoever waits for them hears of failures. */
  isEstablishing = true;
  /** Whether the server takes more than the handshake. */
  isReady = false;
  /** Whether `notifications/initialized` was sent by us. */
  isOurHandshake = false;
  /** The answer to the client's own `initialize`, where the client does not wait for it any more. */
  lateAnswer: Promise<Message> | undefined;
  /** Client requests on their way or waiting for their answers. */
  openCount = 0;
  /** Whether it is being asked for a sign of life. */
  isBeingChecked = false;
  #over: DrawbridgeError | undefined;

  constructor(transport: Transport, where: string) {
    this.transport = transport;
    this.#where = where;
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  throwIfOver(): void {
    if (this.#over !== undefined) throw this.#over;
  }

  /** When a byte was last heard on it, in milliseconds of the monotonic clock. */
  get heardAt(): number {
    return this.transport.heardAt ?? 0;
  }

  /**
   * Sends a request of our own and waits for its answer, be it a result or an error of the server. A timeout tells with
   * `mayHaveRun` whether the server had at least taken it.
   */
  ask(request: Message, timeoutMs: number): Promise<Message> {
    const key = request.key ?? '';
    const answer = this.expect(request, timeoutMs);
    // The answer may come, or its time be over, before the server has said that it took the question.
    Promise.resolve(this.transport.send(request)).then(
      () => {
        const question = this.#questions.get(key);
        if (question !== undefined) question.isTaken = true;
      },
      (thrown: unknown) => this.#fail(key, toDrawbridgeError(thrown)),
    );
    return answer;
  }

  /** Waits for the answer to a request that was sent already. */
  expect(request: Message, timeoutMs: number): Promise<Message> {
    const key = request.key ?? '';
    return new Promise((fulfil, reject) => {
      if (this.#over !== undefined) {
        reject(this.#over);
        return;
      }
      const deadline = setTimeout(() => {
        const what = `${this.#where} did not answer ${request.method} within ${timeoutMs / 1000} s`;
        const mayHaveRun = this.#questions.get(key)?.isTaken ?? true;
        this.#fail(key, new DrawbridgeError('upstream_timeout', what, { mayHaveRun }));
      }, timeoutMs);
      this.#questions.set(key, { fulfil, reject, deadline, isTaken: false });
    });
  }

  /** Whether the message answers a question of our own, which then is settled. */
  takeAnswer(message: Message): boolean {
    const question = message.key === undefined ? undefined : this.#questions.get(message.key);
    if (question === undefined) return false;
    this.#questions.delete(message.key!);
    clearTimeout(question.deadline);
    if (message.failure === undefined) question.fulfil(message);
    else question.reject(message.failure);
    return true;
  }

  /** The connection is lost: whoever waits on it hears why. The transport stays open until it is closed. */
  fail(error: DrawbridgeError): void {
    this.#over ??= error;
    for (const key of [...this.#questions.keys()]) this.#fail(key, error);
  }

  #fail(key: string, error: DrawbridgeError): void {
    const question = this.#questions.get(key);
    if (question === undefined) return;
    this.#questions.delete(key);
    clearTimeout(question.deadline);
    question.reject(error);
  }
}
