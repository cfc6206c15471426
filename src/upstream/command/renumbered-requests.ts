import { DrawbridgeError } from '../../errors.ts';
import { findField, progressTokenOf } from '../../message/fields.ts';
import { type Message, nameRequest } from '../../message/message.ts';
import { splice } from '../../message/splice.ts';

/** A request of one session, under a number of ours. */
export interface RenumberedRequest<Session> {
  readonly session: Session;
  /** The id that the session knows it by, as its own JSON text, and its key. */
  readonly id: string;
  readonly key: string;
  /** The progress token that the session gave it. */
  readonly token: string | undefined;
  readonly isInitialize: boolean;
}

/**
 * Requests of several sessions to one server, each under a number of ours in the place of its id and of its progress
 * token: two sessions may use the same ones.
 */
export class RenumberedRequests<Session> {
  readonly #requests = new Map<number, RenumberedRequest<Session>>();
  #next = 1;

  /** Throws `invalid_request` where two readers could read two ids. */
  add(session: Session, request: Message): { readonly number: number; readonly message: Message } {
    const { id, key, method } = request;
    const at = findField(request, ['id']);
    if (id === undefined || key === undefined || at === undefined)
      throw new DrawbridgeError('invalid_request', 'the id cannot be read for certain');
    const number = this.#next++;
    const token = progressTokenOf(request);
    const tokenAt = token === undefined ? undefined : findField(request, ['params', '_meta', 'progressToken']);
    this.#requests.set(number, { session, id, key, token, isInitialize: method === 'initialize' });
    const text = String(number);
    const message = splice(request, [{ at, text }, ...(tokenAt === undefined ? [] : [{ at: tokenAt, text }])]);
    return { number, message };
  }

  /** The request that a key of the server's side means. */
  get(key: string | undefined): RenumberedRequest<Session> | undefined {
    return this.#requests.get(Number(key));
  }

  delete(number: number): boolean {
    return this.#requests.delete(number);
  }

  /** The request that an answer is for, which waits for no other, and the answer under the session's own id. */
  settle(answer: Message): { readonly request: RenumberedRequest<Session>; readonly answer: Message } | undefined {
    const [only] = this.#requests.size === 1 ? this.#requests.keys() : [];
    // An error that names no request can mean the only one (JSON-RPC 2.0 §5).
    const named = (only === undefined ? undefined : nameRequest(answer, String(only))) ?? answer;
    const number = Number(named.key);
    const request = this.#requests.get(number);
    const restored = request && withId(named, request.id);
    if (request === undefined || restored === undefined) return undefined;
    this.#requests.delete(number);
    return { request, answer: restored };
  }

  /** The number of a session's open request, by the key that the session knows it by. */
  numberOf(session: Session, key: string | undefined): number | undefined {
    for (const [number, request] of this.#requests) {
      if (request.session === session && request.key === key && !request.isInitialize) return number;
    }
    return undefined;
  }

  /** The open requests, newest first. */
  newest(): RenumberedRequest<Session>[] {
    return [...this.#requests.values()].reverse();
  }

  /** Forgets a session's requests, and gives the numbers of those that can be cancelled. */
  drop(session: Session): number[] {
    const numbers: number[] = [];
    for (const [number, request] of this.#requests) {
      // Others may wait for what the first has begun.
      if (request.session !== session || request.isInitialize) continue;
      this.#requests.delete(number);
      numbers.push(number);
    }
    return numbers;
  }
}

/** The message under this id; undefined where its id cannot be read for certain. */
export function withId(message: Message, id: string): Message | undefined {
  const at = findField(message, ['id']);
  return at && splice(message, [{ at, text: id }]);
}
