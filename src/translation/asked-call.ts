import type { DrawbridgeError } from '../errors.ts';
import { findField } from '../message/fields.ts';
import { type Message, readMessage } from '../message/message.ts';
import { stringAt } from '../message/ranges.ts';
import type { Call } from './legacy-session.ts';
import type { SessionLease } from './translated-upstream.ts';

/** Questions of one call that are open at a time; the server's next one is answered with an error. */
const MAX_QUESTIONS = 16;

/** The modern request that waits for a call at the moment. */
export interface Waiter {
  answer(answer: Message): void;
  progress(notification: Message): void;
  fail(error: DrawbridgeError): void;
  /** The answer to this request, which has what the server asks; the call goes on with another. */
  askFor(inputRequired: Message): void;
}

/** Where a call waits for the client to come back with what the server has asked for. */
export interface WaitingRoom {
  hasRoom(principalId: string): boolean;
  /** Gives the unguessable text by which it is found again. */
  park(call: AskedCall): string;
}

/**
 * A call on a legacy session during which the server may ask the client something. Each time it does, the modern request
 * that waits is answered with `input_required`, and the next one that comes for it waits in its place (MCP 2026-07-28,
 * multi round-trip requests).
 */
export class AskedCall implements Call {
  readonly principalId: string;
  readonly lease: SessionLease;
  readonly #request: Message;
  readonly #room: WaitingRoom;
  readonly #questions = new Map<string, Message>();
  #waiter: Waiter | undefined;
  #requestId: string;
  #questionCount = 0;
  #cancel: (() => void) | undefined;
  #isOver = false;
  /** What came of it while no request waited. */
  #deliver: ((waiter: Waiter) => void) | undefined;

  constructor(request: Message, principalId: string, lease: SessionLease, room: WaitingRoom, waiter: Waiter) {
    this.#request = request;
    this.#requestId = request.id ?? 'null';
    this.principalId = principalId;
    this.lease = lease;
    this.#room = room;
    this.#waiter = waiter;
  }

  /** Whether no request waits for it. */
  get isParked(): boolean {
    return this.#waiter === undefined;
  }

  /** The questions that are open, by the keys that the client knows them by. */
  get questions(): ReadonlyMap<string, Message> {
    return this.#questions;
  }

  /** Whether this request asks for the same: its method, and what it names. */
  isFor(request: Message): boolean {
    return request.method === this.#request.method && targetOf(request) === targetOf(this.#request);
  }

  /** The server has it, and this cancels it. */
  sent(cancel: () => void): void {
    this.#cancel = cancel;
    if (this.#isOver) cancel();
  }

  /** Takes a question of the server; false where it must be refused. */
  ask(question: Message): boolean {
    if (this.#isOver || this.#questions.size >= MAX_QUESTIONS) return false;
    if (!this.isParked && !this.#room.hasRoom(this.principalId)) return false;
    this.#questions.set(`input-${++this.#questionCount}`, question);
    this.#askClient();
    return true;
  }

  /** The server no longer wants to know. */
  withdraw(questionKey: string): void {
    for (const [key, question] of this.#questions) if (question.key === questionKey) this.#questions.delete(key);
  }

  /** Goes on with the answers to questions, as their JSON, and with the request that waits from now on. */
  resume(responses: ReadonlyMap<string, Buffer>, requestId: string, waiter: Waiter): void {
    for (const [key, response] of responses) {
      const question = this.#questions.get(key);
      if (!this.#questions.delete(key) || question === undefined) continue;
      this.lease.session.reply(question, 'result', response, (error) => {
        this.#cancel?.();
        this.fail(error);
      });
    }
    this.#waiter = waiter;
    this.#requestId = requestId;
    this.#deliver?.(waiter);
    if (!this.#isOver) this.#askClient();
  }

  answer(answer: Message): void {
    this.#finish((waiter) => waiter.answer(answer));
  }

  progress(notification: Message): void {
    this.#waiter?.progress(notification);
  }

  fail(error: DrawbridgeError): void {
    this.#finish((waiter) => waiter.fail(error));
  }

  /** Nobody waits for it any more: the server is told, and its questions are answered with an error. */
  giveUp(): void {
    this.#waiter = undefined;
    this.#deliver = undefined;
    if (!this.#isOver) {
      this.#isOver = true;
      this.#cancel?.();
      const error = Buffer.from('{"code":-32603,"message":"The client did not answer"}');
      for (const question of this.#questions.values()) this.lease.session.reply(question, 'error', error);
      this.#questions.clear();
    }
    this.lease.release();
  }

  #askClient(): void {
    const waiter = this.#waiter;
    if (waiter === undefined || this.#questions.size === 0) return;
    this.#waiter = undefined;
    const state = this.#room.park(this);
    waiter.askFor(inputRequired(this.#requestId, this.#questions, state));
  }

  #finish(deliver: (waiter: Waiter) => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#questions.clear();
    if (this.#waiter !== undefined) deliver(this.#waiter);
    else {
      this.#deliver = deliver;
      this.lease.release();
    }
  }
}

/** The result that asks the client; each request has its method and its params as the server has sent them. */
function inputRequired(id: string, questions: ReadonlyMap<string, Message>, state: string): Message {
  const parts: Buffer[] = [
    Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{"resultType":"input_required","inputRequests":{`),
  ];
  for (const [key, question] of questions) {
    const params = findField(question, ['params']);
    const comma = parts.length === 1 ? '' : ',';
    parts.push(Buffer.from(`${comma}"${key}":{"method":${JSON.stringify(question.method)}`));
    if (params !== undefined) parts.push(Buffer.from(',"params":'), question.bytes.subarray(params.start, params.end));
    parts.push(Buffer.from('}'));
  }
  parts.push(Buffer.from(`},"requestState":"${state}"}}`));
  return readMessage(Buffer.concat(parts));
}

function targetOf(request: Message): string | undefined {
  const at = findField(request, ['params', request.method === 'resources/read' ? 'uri' : 'name']);
  return at === undefined ? undefined : stringAt(request.bytes, at);
}
