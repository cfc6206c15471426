import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { errorReply, type Message } from '../message/message.ts';
import type { Transport, TransportEvents } from '../relay/transport.ts';
import type { LegacySession } from './legacy-session.ts';
import { Subscription } from './subscription.ts';
import { isShared } from './to-legacy.ts';
import { discoverAnswer, toModernAnswer, toModernProgress } from './to-modern.ts';

/** A session for one request, which gives it back when it is done. */
export interface SessionLease {
  readonly session: LegacySession;
  /** Whether it was there already. */
  readonly wasOpen: boolean;
  release(): void;
}

/**
 * Answers one request of MCP 2026-07-28 from a legacy session. When it is closed before the answer has come, which is
 * how such a client cancels, the server is told that the request is cancelled.
 */
export class TranslatedUpstream implements Transport {
  readonly #lease: () => SessionLease;
  #events: TransportEvents | undefined;
  #leased: SessionLease | undefined;
  #cancel: (() => void) | undefined;
  #subscription: Subscription | undefined;
  #isPaused = false;
  #lateProgress: (() => void) | undefined;
  #isClosed = false;

  constructor(lease: () => SessionLease) {
    this.#lease = lease;
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

  async #serve(message: Message): Promise<void> {
    this.#leased = this.#lease();
    const { session } = this.#leased;
    if (message.method === 'server/discover')
      this.#tell(discoverAnswer(await session.ready, message.id ?? 'null'), message);
    else if (message.method === 'subscriptions/listen') await this.#subscribe(message, session);
    else await this.#call(message, session);
  }

  async #subscribe(request: Message, session: LegacySession): Promise<void> {
    const initialized = await session.ready;
    if (this.#isClosed) return;
    this.#subscription = new Subscription(request, initialized, session, (told) => this.#tell(told, request));
  }

  async #call(request: Message, session: LegacySession): Promise<void> {
    const cancel = await session.call(request, {
      answer: (answer) => this.#answer(toModernAnswer(answer, request), request),
      progress: (notification, token) => this.#progress(toModernProgress(notification, token), request),
      fail: (error) => this.#answer(errorReply(request.id, toDrawbridgeError(error)), request),
    });
    if (this.#isClosed) cancel();
    else this.#cancel = cancel;
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
