/** Time as the renewal sees it, so that a test can say what it is. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `fn` once after `ms`, unless the function it gave back was called before. */
  after(ms: number, fn: () => void): () => void;
}

/** The system's time; its timers keep no process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms).unref();
    return () => clearTimeout(timer);
  },
};

const HOUR_MS = 3_600_000;

/** When to look again after a look that found nothing wrong: an hour, spread by a tenth either way. */
export function nextCheckMs(random: () => number): number {
  return HOUR_MS * (0.9 + random() / 5);
}

/** Whether less than a third of the lifetime is left. */
export function isRenewalDue(
  validity: { readonly notBefore: number; readonly notAfter: number },
  now: number,
): boolean {
  return validity.notAfter - now < (validity.notAfter - validity.notBefore) / 3;
}
