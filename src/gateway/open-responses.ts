import type { ServerResponse } from 'node:http';

/** The responses that are not over, so that connections can be told to end with the one that they carry. */
export class OpenResponses {
  readonly #open = new Set<ServerResponse>();
  #isEnding = false;

  add(response: ServerResponse): void {
    if (this.#isEnding) endConnection(response);
    this.#open.add(response);
    response.once('close', () => this.#open.delete(response));
  }

  /** From now on each response over HTTP/1.1, also one whose request is here already, carries `Connection: close`. */
  endConnections(): void {
    this.#isEnding = true;
    for (const response of this.#open) endConnection(response);
  }
}

/** Node writes the header for it; over HTTP/2, which has none, it means nothing. */
function endConnection(response: ServerResponse): void {
  response.shouldKeepAlive = false;
}
