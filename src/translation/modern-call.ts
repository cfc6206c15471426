import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { findField } from '../message/fields.ts';
import { errorReply, type Message } from '../message/message.ts';
import { members, soleMember, stringAt } from '../message/ranges.ts';
import { splice } from '../message/splice.ts';
import type { Transport } from '../relay/transport.ts';
import { textAt } from './legacy-client.ts';
import { type Member, objectOf } from './modern-request.ts';

/** How often a server may ask for more before it answers. */
const MAX_ROUNDS = 16;
/** What it may ask for at once. */
const MAX_INPUTS = 32;
/** What a server of 2026-07-28 may want of a client, all of which it could ask in the legacy era too. */
const INPUT_METHODS = new Set(['sampling/createMessage', 'elicitation/create', 'roots/list']);
/** HeaderMismatch (MCP 2026-07-28): the list of tools, and with it what is to be mirrored, may have changed. */
const HEADER_MISMATCH = '-32020';

export interface ModernCallOptions {
  /** A transport for the request, not started yet, and the request as the server is to have it; may throw. */
  readonly connect: (params: readonly Member[], isFirst: boolean) => { transport: Transport; message: Message };
  /** Asks the client; gives the JSON text of the result. */
  readonly ask: (method: string, params: string | undefined) => { answered: Promise<string>; cancel: () => void };
  /** Passes on what the server says while it works. */
  readonly tell: (message: Message) => void | Promise<void>;
  /** The answer; told once. */
  readonly answer: (message: Message) => void | Promise<void>;
  /** Learns anew which arguments are to be mirrored. */
  readonly relearn: () => Promise<void>;
}

/**
 * One request of a legacy client at a server of 2026-07-28. Where the server wants input first, the client is asked for
 * it, and the request goes again with it, under a new id (MCP 2026-07-28, multi round-trip requests).
 */
export class ModernCall {
  readonly #request: Message;
  readonly #options: ModernCallOptions;
  #transport: Transport | undefined;
  #rounds = 0;
  #hasRelearnt = false;
  #cancels: (() => void)[] = [];
  #isPaused = false;
  #isClosed = false;

  constructor(request: Message, options: ModernCallOptions) {
    this.#request = request;
    this.#options = options;
  }

  /** Rejects where the server has not taken the request; then there is no answer. */
  async send(): Promise<void> {
    try {
      await this.#post([]);
    } catch (thrown) {
      // Nobody waits for what was cancelled.
      if (this.#isClosed) return;
      void this.close();
      throw thrown;
    }
  }

  pause(): void {
    this.#isPaused = true;
    this.#transport?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#transport?.resume();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#cancels.splice(0)) cancel();
    await this.#transport?.close();
  }

  async #post(params: readonly Member[]): Promise<void> {
    const { transport, message } = this.#options.connect(params, this.#rounds === 0);
    this.#rounds++;
    this.#transport = transport;
    await transport.start({
      message: (received) => {
        if (this.#transport !== transport || this.#isClosed) return;
        if (received.kind !== 'response') return this.#options.tell(received);
        if (received.key === message.key) return this.#receive(received, params);
      },
      error: () => {},
      end: () => {},
    });
    const sent = transport.send(message);
    // What is not sent yet cannot be held.
    if (this.#isPaused) transport.pause();
    await sent;
  }

  #receive(answer: Message, params: readonly Member[]): void | Promise<void> {
    if (isInputRequired(answer)) this.#goOn(() => this.#fetchInputs(answer));
    else if (textAt(answer, ['error', 'code']) === HEADER_MISMATCH && this.#mayRelearn())
      this.#goOn(async () => {
        await this.#options.relearn();
        return params;
      });
    else return this.#finish(answer);
  }

  #mayRelearn(): boolean {
    if (this.#hasRelearnt || this.#request.method !== 'tools/call') return false;
    this.#hasRelearnt = true;
    return true;
  }

  #goOn(prepare: () => Promise<readonly Member[]>): void {
    const former = this.#transport;
    this.#transport = undefined;
    void former?.close();
    this.#again(prepare).catch((thrown: unknown) => {
      if (!this.#isClosed) void this.#finish(errorReply(this.#request.id, toDrawbridgeError(thrown)));
    });
  }

  async #again(prepare: () => Promise<readonly Member[]>): Promise<void> {
    if (this.#rounds > MAX_ROUNDS)
      throw new DrawbridgeError('upstream_invalid', `the server asked for input more than ${MAX_ROUNDS} times`);
    const params = await prepare();
    if (!this.#isClosed) await this.#post(params);
  }

  async #fetchInputs(answer: Message): Promise<readonly Member[]> {
    const wanted = inputRequestsOf(answer);
    const asked = wanted.map(({ method, params }) => this.#options.ask(method, params));
    this.#cancels = asked.map(({ cancel }) => cancel);
    try {
      const results = await Promise.all(asked.map(({ answered }) => answered));
      const responses = wanted.map(({ name }, index): Member => [name, results[index]!]);
      const params: Member[] = responses.length === 0 ? [] : [['inputResponses', objectOf(responses)]];
      const state = textAt(answer, ['result', 'requestState']);
      return state === undefined ? params : [...params, ['requestState', state]];
    } finally {
      for (const cancel of this.#cancels.splice(0)) cancel();
    }
  }

  #finish(answer: Message): void | Promise<void> {
    this.#isClosed = true;
    const { id = 'null' } = this.#request;
    const at = answer.id === id ? undefined : findField(answer, ['id']);
    const told = this.#options.answer(at === undefined ? answer : splice(answer, [{ at, text: id }]));
    void this.#transport?.close();
    return told;
  }
}

function isInputRequired(answer: Message): boolean {
  const at = findField(answer, ['result', 'resultType']);
  return at !== undefined && stringAt(answer.bytes, at) === 'input_required';
}

interface InputRequest {
  readonly name: string;
  readonly method: string;
  readonly params: string | undefined;
}

/** Throws `upstream_invalid` where it asks for what no client can give. */
function inputRequestsOf(answer: Message): InputRequest[] {
  const { bytes } = answer;
  const list = findField(answer, ['result', 'inputRequests']);
  const wanted: InputRequest[] = [];
  if (list === undefined) return wanted;
  members(bytes, list.start, (key, value) => {
    const named = soleMember(bytes, value.start, 'method');
    const method = typeof named === 'object' ? (stringAt(bytes, named) ?? '') : '';
    if (!INPUT_METHODS.has(method))
      throw new DrawbridgeError('upstream_invalid', 'the server asks for input of a kind that there is not', {
        why: JSON.stringify(method.slice(0, 64)),
      });
    const params = soleMember(bytes, value.start, 'params');
    wanted.push({
      name: stringAt(bytes, key) ?? '',
      method,
      params: typeof params === 'object' ? bytes.toString('utf8', params.start, params.end) : undefined,
    });
  });
  if (wanted.length > MAX_INPUTS)
    throw new DrawbridgeError('upstream_invalid', `the server asks for more than ${MAX_INPUTS} inputs at once`);
  return wanted;
}
