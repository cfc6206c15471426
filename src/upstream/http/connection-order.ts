import type { HttpConnection } from './http-connection.ts';

/** A server that takes longer to accept a connection takes requests in whatever order it likes. */
export const ACCEPT_MS = 2000;
/**
 * More connections are not made in a row to keep the order: under a load that never pauses each new one would call for
 * the next. As many requests as a session may have open find theirs.
 */
const MAX_DIALS_IN_A_ROW = 1024;

/**
 * What must be known to send requests over several connections so that the server meets them in their order. It accepts
 * connections in the order in which they are made: behind a request on a new one, only newer ones keep the order until
 * the server was heard on it.
 */
export class ConnectionOrder {
  /** Connections that were sent a first request, and on which nothing was heard yet: the oldest first, and since when. */
  readonly #unaccepted = new Map<HttpConnection, number>();
  #dialsInARow = 0;

  /** Whether a request may still wait for its server to accept the connection. */
  hasUnaccepted(): boolean {
    for (const [connection, since] of this.#unaccepted) {
      if (performance.now() - since < ACCEPT_MS) return true;
      this.#unaccepted.delete(connection);
    }
    return false;
  }

  /** Whether enough was dialled for the sake of the order: from now on requests wait for connections that are there. */
  get isSaturated(): boolean {
    return this.#dialsInARow >= MAX_DIALS_IN_A_ROW;
  }

  dialled(): void {
    this.#dialsInARow++;
  }

  sentOn(connection: HttpConnection): void {
    if (!connection.hasReceived) this.#unaccepted.set(connection, performance.now());
  }

  /** Whether the server was heard on it for the first time. */
  accepted(connection: HttpConnection): boolean {
    return this.#unaccepted.size > 0 && this.#unaccepted.delete(connection);
  }

  /** Where the server has accepted all, what was dialled for the sake of the order counts no more. */
  settle(): void {
    if (this.#unaccepted.size === 0) this.#dialsInARow = 0;
  }

  forget(connection: HttpConnection): void {
    this.#unaccepted.delete(connection);
  }
}
