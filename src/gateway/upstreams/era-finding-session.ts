import { toDrawbridgeError } from '../../errors.ts';
import { findField } from '../../message/fields.ts';
import { errorReply, type Message } from '../../message/message.ts';
import type { Transport, TransportEvents } from '../../relay/transport.ts';

export interface EraFindingSessionOptions {
  /** The session as a legacy server has it, not started yet. */
  readonly legacy: Transport;
  /** Asked where `initialize` was refused: whether the server is of the modern era. */
  readonly isModern: () => Promise<boolean>;
  /** The session as a server of the modern era alone can give it, not started yet. */
  readonly createModern: () => Transport;
}

/** By these a server says that it does not speak the legacy era, or not over this transport. */
const REFUSALS = new Set([400, 404, 405, 406]);

/**
 * A session of the legacy era. Where the server refuses `initialize` and knows 2026-07-28, it is of the modern era
 * alone, and the session is translated; a server of both eras never gets so far.
 */
export class EraFindingSession implements Transport {
  readonly #options: EraFindingSessionOptions;
  #transport: Transport;
  #events: TransportEvents | undefined;
  #initialize: Message | undefined;
  /** Settles when it is known which session it is. */
  #finding: Promise<void> | undefined;
  #isPaused = false;
  #isClosed = false;

  constructor(options: EraFindingSessionOptions) {
    this.#options = options;
    this.#transport = options.legacy;
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return this.#startTransport(this.#transport);
  }

  send(message: Message): void | Promise<void> {
    if (this.#finding !== undefined) return this.#finding.then(() => this.#transport.send(message));
    if (message.method === 'initialize' && this.#isLegacy) return this.#sendInitialize(message);
    return this.#transport.send(message);
  }

  get heardAt(): number {
    return this.#transport.heardAt ?? 0;
  }

  pause(): void {
    this.#isPaused = true;
    this.#transport.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#transport.resume();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#events = undefined;
    return this.#transport.close();
  }

  get #isLegacy(): boolean {
    return this.#transport === this.#options.legacy;
  }

  #startTransport(transport: Transport): Promise<void> {
    const isCurrent = (): boolean => this.#transport === transport;
    return transport.start({
      message: (message, route) => {
        if (!isCurrent()) return;
        const initialize = this.#answeredBy(message);
        if (initialize !== undefined && isRefusal(message)) void this.#find(initialize, message);
        else return this.#events?.message(message, route);
      },
      error: (error) => this.#events?.error(error),
      end: (error) => {
        if (isCurrent()) this.#events?.end(error);
      },
    });
  }

  async #sendInitialize(message: Message): Promise<void> {
    this.#initialize = message;
    try {
      await this.#transport.send(message);
    } catch (thrown) {
      const { upstreamStatus } = toDrawbridgeError(thrown);
      if (upstreamStatus === undefined || !REFUSALS.has(upstreamStatus)) throw thrown;
      if (this.#isClosed || !(await this.#options.isModern()) || this.#hasBeenClosed()) throw thrown;
      await this.#translate(message);
    }
  }

  /** The `initialize` of which this is the answer; once. */
  #answeredBy(message: Message): Message | undefined {
    const initialize = this.#initialize;
    if (initialize === undefined || message.kind !== 'response' || message.key !== initialize.key) return undefined;
    this.#initialize = undefined;
    return initialize;
  }

  /** Goes on in the other way where the server is modern; else the refusal is the answer. */
  #find(initialize: Message, refusal: Message): Promise<void> {
    const find = async (): Promise<void> => {
      let answer = refusal;
      try {
        if (await this.#options.isModern()) {
          if (!this.#isClosed) await this.#translate(initialize);
          return;
        }
      } catch (thrown) {
        answer = errorReply(initialize.id, toDrawbridgeError(thrown));
      }
      void this.#events?.message(answer, { relatedTo: initialize.key });
    };
    this.#finding = find().finally(() => {
      this.#finding = undefined;
    });
    return this.#finding;
  }

  async #translate(initialize: Message): Promise<void> {
    const { legacy, createModern } = this.#options;
    this.#initialize = undefined;
    this.#transport = createModern();
    void legacy.close();
    if (this.#isPaused) this.#transport.pause();
    await this.#startTransport(this.#transport);
    await this.#transport.send(initialize);
  }

  #hasBeenClosed(): boolean {
    return this.#isClosed;
  }
}

/**
 * What a server of 2026-07-28 may have against `initialize`: a version or header (its own codes), a method that it does
 * not know, or that the request does not say what it must.
 */
function isRefusal(answer: Message): boolean {
  const range = findField(answer, ['error', 'code']);
  const code = range === undefined ? 0 : Number(answer.bytes.toString('latin1', range.start, range.end));
  return (code >= -32022 && code <= -32020) || code === -32601 || code === -32602;
}
