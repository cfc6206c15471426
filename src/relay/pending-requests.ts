import type { Message } from '../message/message.ts';

interface PendingRequest {
  readonly id: string;
  readonly method: string | undefined;
  isCancelled: boolean;
}

export type Admission = 'added' | 'duplicate' | 'full';

/**
 * The requests that went one way and wait for their answers to come back: the table behind "answered exactly once".
 * Holds at most `maxPending`; when it is full, requests that were cancelled make room first.
 */
export class PendingRequests {
  readonly #requests = new Map<string, PendingRequest>();
  readonly #maxPending: number;
  #cancelledCount = 0;

  constructor(maxPending: number) {
    this.#maxPending = maxPending;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** Those that somebody waits for. A server need not answer what was cancelled (MCP 2025-11-25, utilities/cancellation). */
  get wantedCount(): number {
    return this.#requests.size - this.#cancelledCount;
  }

  /** Takes a request in, before it is sent. */
  add(request: Message): Admission {
    const key = request.key;
    if (key === undefined) return 'added';
    if (this.#requests.has(key)) return 'duplicate';
    if (this.#requests.size >= this.#maxPending && !this.#evictCancelled()) return 'full';
    this.#requests.set(key, { id: request.id ?? key, method: request.method, isCancelled: false });
    return 'added';
  }

  /** Whether the answer with this key is waited for; it is so once. */
  settle(key: string | undefined): boolean {
    const request = key === undefined ? undefined : this.#requests.get(key);
    if (key === undefined || request === undefined) return false;
    if (request.isCancelled) this.#cancelledCount--;
    return this.#requests.delete(key);
  }

  has(key: string | undefined): boolean {
    return key !== undefined && this.#requests.has(key);
  }

  /** A cancelled request may still be answered, but no longer holds a place that another needs. */
  cancel(key: string): void {
    const request = this.#requests.get(key);
    if (request === undefined || request.isCancelled) return;
    request.isCancelled = true;
    this.#cancelledCount++;
  }

  /** The one pending request, where there is exactly one: whom an answer with `"id":null` must mean. */
  get only(): string | undefined {
    if (this.#requests.size !== 1) return undefined;
    return this.#requests.values().next().value?.id;
  }

  /** Empties the table and gives the id texts of all that will not be answered any more, oldest first. */
  drain(): string[] {
    const ids = [...this.#requests.values()].map((request) => request.id);
    this.#requests.clear();
    this.#cancelledCount = 0;
    return ids;
  }

  #evictCancelled(): boolean {
    for (const [key, request] of this.#requests) {
      if (request.isCancelled) return this.settle(key);
    }
    return false;
  }
}
