import { toDrawbridgeError } from '../errors.ts';
import type { Family } from '../upstream/dial/dial-route.ts';
import { dial } from '../upstream/dial/dialer.ts';

export interface Readiness {
  readonly isReady: boolean;
  /** Why it is not. */
  readonly why?: string;
}

const CACHE_MS = 2000;
const CONNECT_TIMEOUT_MS = 2000;

/**
 * Whether the upstream takes connections. A TCP connection that is closed again is all that is tried: MCP servers have
 * no health route, and any request to them would open a session. Asked at most every two seconds, however many ask.
 */
export function createReadinessCheck(upstream: URL, family: Family): () => Promise<Readiness> {
  const target = {
    host: upstream.hostname.replace(/^\[|\]$/g, ''),
    port: Number(upstream.port || (upstream.protocol === 'https:' ? 443 : 80)),
    isTls: false,
  };
  let answer: Promise<Readiness> | undefined;
  let askedAt = 0;
  return () => {
    const now = performance.now();
    if (answer === undefined || now - askedAt > CACHE_MS) {
      askedAt = now;
      answer = dial(target, { family, connectTimeoutMs: CONNECT_TIMEOUT_MS }, new AbortController().signal).then(
        (socket) => {
          socket.destroy();
          return { isReady: true };
        },
        (thrown: unknown) => ({ isReady: false, why: toDrawbridgeError(thrown).sentence }),
      );
    }
    return answer;
  };
}
