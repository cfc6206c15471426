import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { progressTokenOf } from '../message/fields.ts';
import { errorReply, type Message } from '../message/message.ts';
import type { Transport, TransportEvents } from '../relay/transport.ts';
import { AskedCall, type Waiter } from './asked-call.ts';
import { mayBeAsked } from './client-capabilities.ts';
import type { LegacySession } from './legacy-session.ts';
import { Subscription } from './subscription.ts';
import { isShared } from './to-legacy.ts';
import { discoverAnswer, toModernAnswer, toModernProgress } from './to-modern.ts';
import type { Resumed, WaitingCalls } from './waiting-calls.ts';

/** A session for one request, which gives it back when it is done. */
export interface SessionLease {
  readonly session: LegacySession;
  /** Whether it was there already. */
  readonly wasOpen: boolean;
  release(): void;
}

export interface TranslatedUpstreamOptions {
  readonly principalId: string;
  /** A session for a request, during which the server may ask the client something or not. */
  readonly lease: (isAskable: boolean) => SessionLease;
  /** Calls that wait for their client. */
  readonly waiting: WaitingCalls;
}

/**
 * Answers one request of MCP 2026-07-28 from a legacy session. When it is closed before the answer has come, which is
 * how such a client cancels, the server is told that the request is cancelled. A call during which the server asks
 * something is answered with that, and goes on with the request that brings what was asked for.
 */
export class TranslatedUpstream implements Transport {
  readonly #options: TranslatedUpstreamOptions;
  #events: TransportEvents | undefined;
  #leased: SessionLease | undefined;
  #cancel: (() => void) | undefined;
  #subscription: Subscription | undefined;
  #isPaused = false;
  #lateProgress: (() => void) | undefined;
  #isClosed = false;

  constructor(options: TranslatedUpstreamOptions) {
    this.#options = options;
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return Promise.resolve();
  }

  async send(message: Message): Promise<void> {
    // A notification of this era that a client may send has no meaning for a legacy server.
    if (message.kind !== 'request') return;
    if (this.#isClosed) throw new DrawbridgeError('upstream_lost', 'the request was given up');
    const { method } = message;
    if (!isShared(method) && method !== 'server/discover' && method !== 'subscriptions/listen')
      throw new DrawbridgeError('method_not_found', 'Method not found', {
        why: `2026-07-28 has no ${method?.slice(0, 64)}`,
      });
    const { waiting, principalId } = this.#options;
    const resumed = mayBeAsked(message) ? waiting.resume(message, principalId) : undefined;
    if (resumed !== undefined) this.#resume(message, resumed);
    else await this.#serveTwice(message);
  }

  pause(): void {
    this.#isPaused = true;
    this.#subscription?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#lateProgress?.();
    this.#lateProgress = undefined;
    this.#subscription?.resume();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#events = undefined;
    this.#cancel?.();
    this.#subscription?.stop();
    this.#leased?.release();
    this.#leased = undefined;
    return Promise.resolve();
  }

  async #serveTwice(message: Message): Promise<void> {
    try {
      await this.#serve(message);
    } catch (thrown) {
      // A session may have been forgotten since it was last used; what surely did not run gets one more, a new one.
      if (this.#isClosed || this.#leased?.session.isOver !== true || toDrawbridgeError(thrown).mayHaveRun) throw thrown;
      const wasNew = !this.#leased.wasOpen;
      this.#leased.release();
      if (wasNew) throw thrown;
      await this.#serve(message);
    }
  }

  async #serve(message: Message): Promise<void> {
    const leased = this.#options.lease(mayBeAsked(message));
    this.#leased = leased;
    const { session } = leased;
    if (message.method === 'server/discover')
      this.#tell(discoverAnswer(await session.ready, message.id ?? 'null'), message);
    else if (message.method === 'subscriptions/listen') await this.#subscribe(message, session);
    else if (mayBeAsked(message)) await this.#callAskable(message, leased);
    else await this.#call(message, session);
  }

  async #subscribe(request: Message, session: LegacySession): Promise<void> {
    const initialized = await session.ready;
    if (this.#isClosed) return;
    this.#subscription = new Subscription(request, initialized, session, (told) => this.#tell(told, request));
  }

  async #call(request: Message, session: LegacySession): Promise<void> {
    const { answer, fail } = this.#waiterFor(request);
    const cancel = await session.call(request, {
      answer,
      fail,
      progress: (notification, token) => this.#progress(toModernProgress(notification, token), request),
    });
    if (this.#isClosed) cancel();
    else this.#cancel = cancel;
  }

  async #callAskable(request: Message, leased: SessionLease): Promise<void> {
    const { principalId, waiting } = this.#options;
    const call = new AskedCall(request, principalId, leased, waiting, this.#waiterFor(request));
    this.#cancel = () => call.giveUp();
    try {
      call.sent(await leased.session.call(request, call));
    } catch (thrown) {
      // Where the client was asked something meanwhile, this request has its answer; the error is that of the next.
      if (!call.isParked || this.#isClosed) throw thrown;
      call.fail(toDrawbridgeError(thrown));
    }
  }

  #resume(request: Message, { call, responses }: Resumed): void {
    this.#leased = call.lease;
    this.#cancel = () => call.giveUp();
    call.resume(responses, request.id ?? 'null', this.#waiterFor(request));
  }

  #waiterFor(request: Message): Waiter {
    return {
      answer: (answer) => this.#answer(toModernAnswer(answer, request), request),
      fail: (error) => this.#answer(errorReply(request.id, error), request),
      progress: (notification) => {
        const token = progressTokenOf(request);
        if (token !== undefined) this.#progress(toModernProgress(notification, token), request);
      },
      askFor: (inputRequired) => {
        // The call and its session are no longer those of this request.
        this.#cancel = undefined;
        this.#leased = undefined;
        this.#answer(inputRequired, request);
      },
    };
  }

  #answer(message: Message, request: Message): void {
    this.#lateProgress = undefined;
    this.#tell(message, request);
  }

  /** The session is not stopped for one reader, so that of what it says to one that is behind only the newest is kept. */
  #progress(message: Message, request: Message): void {
    if (this.#isPaused) this.#lateProgress = () => this.#tell(message, request);
    else this.#tell(message, request);
  }

  #tell(message: Message, request: Message): void {
    void this.#events?.message(message, { relatedTo: request.key });
  }
}
