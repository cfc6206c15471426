import { DrawbridgeError } from '../errors.ts';
import type { OpenResponses } from './open-responses.ts';
import type { Session, SessionTable } from './sessions/session-table.ts';
import type { StatelessRequest } from './stateless/stateless-table.ts';

/** After the bound, what ends is waited for no longer than this: a session upstream whose DELETE nobody answers. */
const LAST_WORDS_MS = 1000;
/** When the clients of ended event streams come back, spread so that they do not come all at once. */
const RETRY_MIN_MS = 500;
const RETRY_SPREAD_MS = 1500;

/** Long enough for a process that takes over. */
const RETRY_AFTER_MS = 1000;

/** What nobody may begin any more is refused with, and what is left at the bound answered with. */
export const STOPPING = new DrawbridgeError('shutting_down', 'the gateway is being stopped', {
  hint: 'Connect again; another instance may answer.',
  retryAfterMs: RETRY_AFTER_MS,
});

/**
 * Ends what is open in good order: what waits for nothing at once, the rest with its last answer, and at a bound whatever
 * is left, with an error for each open request. A later call may bring the bound nearer, never move it away.
 */
export class Drain {
  readonly #sessions: SessionTable;
  readonly #responses: OpenResponses;
  readonly #bound = new AbortController();
  /** Settles at the bound. */
  readonly #atBound: Promise<void>;
  #done: Promise<void> | undefined;

  constructor(sessions: SessionTable, responses: OpenResponses) {
    this.#sessions = sessions;
    this.#responses = responses;
    const { signal } = this.#bound;
    this.#atBound = new Promise((fulfil) => signal.addEventListener('abort', () => fulfil(), { once: true }));
  }

  get isStarted(): boolean {
    return this.#done !== undefined;
  }

  /** Settles when everything has ended, the upstreams last, and at the latest 1 s after the bound. */
  run(timeoutMs: number, closeUpstreams: () => Promise<void>): Promise<void> {
    if (timeoutMs <= 0) this.#bound.abort();
    const timer = setTimeout(() => this.#bound.abort(), timeoutMs);
    this.#done ??= this.#endAll(closeUpstreams);
    return this.#done.finally(() => clearTimeout(timer));
  }

  async #endAll(closeUpstreams: () => Promise<void>): Promise<void> {
    this.#sessions.stop('draining');
    this.#responses.endConnections();
    const closings: Promise<void>[] = [];
    // Requests without a session may still come while others are waited for.
    for (let open = this.#open(); open.length > 0; open = this.#open()) {
      await Promise.all(open.map((one) => this.#waitForAnswers(one)));
      for (const one of open) closings.push(end(one));
    }
    this.#sessions.stop('stopped');
    closings.push(closeUpstreams());
    await this.#withinLastWords(Promise.all(closings));
  }

  #open(): (Session | StatelessRequest)[] {
    return [...this.#sessions.open()].filter(({ relay }) => relay !== undefined);
  }

  async #waitForAnswers(one: Session | StatelessRequest): Promise<void> {
    const { relay } = one;
    if (relay === undefined || !isWaitedFor(one)) return;
    await Promise.race([this.#atBound, relay.ready.catch(() => {})]);
    // One turn, in which the message that opened it gets into the relay.
    if (!this.#bound.signal.aborted) await new Promise((fulfil) => setImmediate(fulfil));
    await Promise.race([this.#atBound, relay.whenIdle()]);
  }

  async #withinLastWords(closed: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = this.#atBound.then(
      () =>
        new Promise<void>((fulfil) => {
          timer = setTimeout(fulfil, LAST_WORDS_MS);
        }),
    );
    await Promise.race([closed, late]);
    clearTimeout(timer);
  }
}

/** A subscription has no answer, and a session that is only being opened could not be used: another gateway can have it. */
function isWaitedFor(one: Session | StatelessRequest): boolean {
  return 'isSubscription' in one ? !one.isSubscription : !one.isOpening();
}

async function end(one: Session | StatelessRequest): Promise<void> {
  const retryMs = RETRY_MIN_MS + Math.floor(Math.random() * RETRY_SPREAD_MS);
  if ('isSubscription' in one && one.isSubscription) one.downstream.completeSubscription(retryMs);
  // What is open is answered before this returns its promise, so that the answers precede the end of the stream.
  const closed = one.relay?.close(STOPPING);
  if ('endWithRetry' in one.downstream) one.downstream.endWithRetry(retryMs);
  await closed;
}
