export interface BackoffOptions {
  /** Before the second try; the first is made at once. */
  readonly firstMs: number;
  /** No delay grows past it. */
  readonly capMs: number;
  /** Gives a number from 0 to 1; what spreads the tries of many clients. Default: Math.random. */
  readonly random?: () => number;
}

/** Delays between tries that double from `firstMs` to `capMs`, each spread by a quarter either way. */
export class Backoff {
  readonly #options: BackoffOptions;
  #tries = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The delay before the next try, in milliseconds; 0 before the first, and never more than `capMs` of this call. */
  next(capMs = this.#options.capMs): number {
    const tries = this.#tries++;
    if (tries === 0) return 0;
    const { firstMs, random = Math.random } = this.#options;
    const delayMs = Math.min(firstMs * 2 ** Math.min(tries - 1, 30), capMs, this.#options.capMs);
    return Math.min(delayMs * (0.75 + random() / 2), this.#options.capMs);
  }

  reset(): void {
    this.#tries = 0;
  }
}
