import type { DrawbridgeError } from '../../errors.ts';
import { Backoff } from '../../relay/backoff.ts';

/** Between two tries, give or take a quarter, at first and at most. */
const FIRST_DELAY_MS = 200;
const MAX_DELAY_MS = 1000;

/** Statuses by which a server, or a proxy before it, says that it is not up yet. */
const STARTING = new Set([502, 503, 504]);

export interface StreamHoldOptions {
  /** How long an event stream is held; 0 for not at all. */
  readonly holdMs: number;
  /** Event streams held at the same time; one more is refused at once. */
  readonly maxHeld: number;
}

/** One event stream whose server may not be there yet. */
export interface HeldStream {
  /** What is left of the time that it may be held. */
  readonly leftMs: number;
  /** Settles when the next try is due; false where the client is to be told the error instead. */
  mayTryAgain(error: DrawbridgeError, signal: AbortSignal): Promise<boolean>;
  end(): void;
}

/**
 * Holds new event streams, without an answer, while their server is away: a client of today's most used SDK gives up for
 * good when its stream is refused once (EventSource knows no retry after a status other than 200).
 */
export class StreamHold {
  readonly #options: StreamHoldOptions;
  #held = 0;

  constructor(options: StreamHoldOptions) {
    this.#options = options;
  }

  begin(): HeldStream {
    const { holdMs, maxHeld } = this.#options;
    const until = performance.now() + holdMs;
    const backoff = new Backoff({ firstMs: FIRST_DELAY_MS, capMs: MAX_DELAY_MS });
    // The first delay of a backoff is none.
    backoff.next();
    let isCounted = false;
    const stream = {
      get leftMs() {
        return Math.max(until - performance.now(), 0);
      },
      mayTryAgain: (error: DrawbridgeError, signal: AbortSignal): Promise<boolean> => {
        const { leftMs } = stream;
        if (signal.aborted || leftMs === 0 || !isPassing(error)) return Promise.resolve(false);
        if (!isCounted && this.#held >= maxHeld) return Promise.resolve(false);
        if (!isCounted) this.#held++;
        isCounted = true;
        return pause(Math.min(backoff.next(), leftMs), signal);
      },
      end: (): void => {
        if (isCounted) this.#held--;
        isCounted = false;
      },
    };
    return stream;
  }
}

/** Whether the server may be on its way up. One that refuses us will do so again. */
function isPassing({ code, upstreamStatus }: DrawbridgeError): boolean {
  if (upstreamStatus !== undefined) return STARTING.has(upstreamStatus);
  return code === 'upstream_unreachable' || code === 'upstream_lost';
}

/** False where the signal came first. */
function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((fulfil) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      fulfil(!signal.aborted);
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
