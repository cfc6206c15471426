import { randomBytes } from 'node:crypto';
import { DrawbridgeError } from '../errors.ts';
import { findField } from '../message/fields.ts';
import type { Message } from '../message/message.ts';
import { AMBIGUOUS, type Range, soleMember, stringAt } from '../message/ranges.ts';
import { OPEN_BRACE } from '../message/scan.ts';
import type { AskedCall, WaitingRoom } from './asked-call.ts';

/** Calls of one principal that wait for it; a server that asks during one more is answered with an error. */
const MAX_WAITING = 16;
const STATE_BYTES = 32;

interface Waiting {
  readonly call: AskedCall;
  readonly timer: NodeJS.Timeout;
}

export interface Resumed {
  readonly call: AskedCall;
  /** What the client answers to the questions, by their keys; the JSON of a result each. */
  readonly responses: ReadonlyMap<string, Buffer>;
}

/**
 * The calls whose client was asked something and has not come back yet, by the `requestState` that it was given. One that
 * stays away for `waitMs` has its call cancelled.
 */
export class WaitingCalls implements WaitingRoom {
  readonly #waitMs: number;
  readonly #waiting = new Map<string, Waiting>();
  #isClosed = false;

  constructor({ waitMs }: { readonly waitMs: number }) {
    this.#waitMs = waitMs;
  }

  get size(): number {
    return this.#waiting.size;
  }

  hasRoom(principalId: string): boolean {
    let count = 0;
    for (const { call } of this.#waiting.values()) if (call.principalId === principalId) count++;
    return !this.#isClosed && count < MAX_WAITING;
  }

  park(call: AskedCall): string {
    const state = randomBytes(STATE_BYTES).toString('base64url');
    const timer = setTimeout(() => {
      this.#waiting.delete(state);
      call.giveUp();
    }, this.#waitMs).unref();
    this.#waiting.set(state, { call, timer });
    return state;
  }

  /**
   * The call that this request goes on with; undefined where it has no `requestState`. Throws `invalid_params`, in the
   * same words for a state that nobody was given as for one of another principal or another request, and where the
   * answers are no results; then it can be sent again.
   */
  resume(request: Message, principalId: string): Resumed | undefined {
    const params = findField(request, ['params']);
    if (params === undefined) return undefined;
    const stateAt = soleMember(request.bytes, params.start, 'requestState');
    if (stateAt === undefined) return undefined;
    const state = stateAt === AMBIGUOUS ? undefined : stringAt(request.bytes, stateAt);
    const found = state === undefined ? undefined : this.#waiting.get(state);
    if (state === undefined || found?.call.principalId !== principalId || !found.call.isFor(request))
      throw new DrawbridgeError('invalid_params', 'params.requestState is not that of a call that waits for input', {
        hint: 'Send the call again without requestState and inputResponses.',
      });
    const responses = responsesIn(request, params, found.call);
    clearTimeout(found.timer);
    this.#waiting.delete(state);
    return { call: found.call, responses };
  }

  /** Gives them up. */
  close(): void {
    this.#isClosed = true;
    for (const { call, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      call.giveUp();
    }
    this.#waiting.clear();
  }
}

/** Those that are lacking are asked for again; members that answer no question are passed over. */
function responsesIn({ bytes }: Message, params: Range, call: AskedCall): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  const at = soleMember(bytes, params.start, 'inputResponses');
  if (at === undefined) return found;
  const isObject = at !== AMBIGUOUS && bytes[at.start] === OPEN_BRACE;
  if (!isObject) throw new DrawbridgeError('invalid_params', 'params.inputResponses is no object');
  for (const key of call.questions.keys()) {
    const response = soleMember(bytes, at.start, key);
    if (response === undefined) continue;
    if (response === AMBIGUOUS || bytes[response.start] !== OPEN_BRACE)
      throw new DrawbridgeError('invalid_params', `params.inputResponses has no result for ${key}`);
    found.set(key, bytes.subarray(response.start, response.end));
  }
  return found;
}
