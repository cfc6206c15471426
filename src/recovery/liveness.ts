export interface LivenessOptions {
  /** How long the server may be silent; 0 for as long as it likes. */
  readonly pingIntervalMs: number;
  /** When the server was last heard, in milliseconds of the monotonic clock; undefined while there is no server. */
  readonly heardAt: () => number | undefined;
  /** The server has been silent too long, or the machine has slept: is the server still there? */
  readonly probe: (isAfterSleep: boolean) => void;
  /** The wall clock, in milliseconds. Default: Date.now. */
  readonly now?: () => number;
}

const LONGEST_TICK_MS = 2000;
const SHORTEST_TICK_MS = 100;
/** A tick that comes later than this by the wall clock tells of a sleep, a stopped process or a clock that was set. */
const JUMP_MS = 5000;

/** Looks from time to time whether the server was heard lately. One timer, which keeps no process alive. */
export class Liveness {
  readonly #options: LivenessOptions;
  readonly #tickMs: number;
  readonly #timer: NodeJS.Timeout;
  #lastTick: number;

  constructor(options: LivenessOptions) {
    this.#options = options;
    const quarter = options.pingIntervalMs === 0 ? LONGEST_TICK_MS : options.pingIntervalMs / 4;
    this.#tickMs = Math.min(Math.max(quarter, SHORTEST_TICK_MS), LONGEST_TICK_MS);
    this.#lastTick = this.#now();
    this.#timer = setInterval(() => this.#tick(), this.#tickMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #now(): number {
    return (this.#options.now ?? Date.now)();
  }

  #tick(): void {
    const { pingIntervalMs, heardAt, probe } = this.#options;
    const now = this.#now();
    const sinceLast = now - this.#lastTick;
    this.#lastTick = now;
    // A clock that was set back says nothing about sleep, and does no harm.
    if (sinceLast > this.#tickMs + JUMP_MS) {
      probe(true);
      return;
    }
    const heard = heardAt();
    if (pingIntervalMs > 0 && heard !== undefined && performance.now() - heard >= pingIntervalMs) probe(false);
  }
}
