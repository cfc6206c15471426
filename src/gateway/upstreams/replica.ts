import type { DrawbridgeError } from '../../errors.ts';
import { Backoff } from '../../relay/backoff.ts';
import type { UpstreamKind } from '../../upstream/detection.ts';

/** A replica that was put out of service is looked at after this, and after twice as long each time it fails again. */
const FIRST_OUT_MS = 1000;
const MAX_OUT_MS = 30_000;

/** One of the servers that are the same MCP server to clients. */
export class Replica {
  readonly url: URL;
  /** What it was found to speak; asking again would cost it a session each time. */
  kind: UpstreamKind;
  /** Sessions, and requests outside of sessions, that are open on it through us. */
  openCount = 0;
  readonly #backoff = new Backoff({ firstMs: FIRST_OUT_MS, capMs: MAX_OUT_MS });
  #isOut = false;
  #configuredKind: UpstreamKind;
  #lookAt = 0;

  constructor(url: URL, kind: UpstreamKind) {
    this.url = url;
    this.kind = kind;
    this.#configuredKind = kind;
    this.#resetBackoff();
  }

  /** Whether nothing new is given to it while another can have it. */
  get isOut(): boolean {
    return this.#isOut;
  }

  /** When it is to be looked at again, in milliseconds of the monotonic clock. */
  get lookAt(): number {
    return this.#lookAt;
  }

  lookIn(delayMs: number): void {
    this.#lookAt = performance.now() + delayMs;
  }

  /** For a configuration that was read again. */
  configure(kind: UpstreamKind): void {
    if (kind === this.#configuredKind) return;
    this.#configuredKind = kind;
    this.kind = kind;
  }

  /** Puts it out of service, or keeps it there for longer. What comes back may speak something else. */
  putOut(): void {
    this.#isOut = true;
    this.kind = this.#configuredKind;
    this.lookIn(this.#backoff.next());
  }

  /** It takes connections again, which does not say that it serves. */
  putBack(): void {
    this.#isOut = false;
  }

  /** It has served. */
  noteSuccess(): void {
    this.#isOut = false;
    this.#resetBackoff();
  }

  #resetBackoff(): void {
    this.#backoff.reset();
    // The first delay of a backoff is none.
    this.#backoff.next();
  }
}

/** Whether the error speaks of a server that is away or cannot serve, so that another may do better. */
export function isReplicaTrouble({ code, upstreamStatus }: DrawbridgeError): boolean {
  if (upstreamStatus !== undefined) return upstreamStatus >= 500;
  return code === 'upstream_unreachable' || code === 'upstream_lost' || code === 'upstream_timeout';
}
