import { toDrawbridgeError } from '../../errors.ts';
import type { Family } from '../../upstream/dial/dial-route.ts';
import { reach } from './reachability.ts';

export interface Readiness {
  readonly isReady: boolean;
  /** Why it is not. */
  readonly why?: string;
}

const CACHE_MS = 2000;

/** Whether one replica at least takes connections. Looked at no more than every two seconds, however many ask. */
export function createReadinessCheck(replicas: readonly URL[], family: Family): () => Promise<Readiness> {
  let answer: Promise<Readiness> | undefined;
  let askedAt = 0;
  return () => {
    const now = performance.now();
    if (answer === undefined || now - askedAt > CACHE_MS) {
      askedAt = now;
      const { signal } = new AbortController();
      answer = Promise.any(replicas.map((url) => reach(url, family, signal))).then(
        () => ({ isReady: true }),
        ({ errors }: AggregateError) => ({
          isReady: false,
          why: errors.map((thrown: unknown) => toDrawbridgeError(thrown).sentence).join('; '),
        }),
      );
    }
    return answer;
  };
}
