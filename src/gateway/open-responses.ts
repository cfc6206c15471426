import type { ServerResponse } from 'node:http';
import { OpenSet } from './limits/open-set.ts';

/** The responses that are not over, so that connections can be told to end with the one that they carry. */
export class OpenResponses {
  readonly #open = new OpenSet<ServerResponse>();
  #isEnding = false;

  add(response: ServerResponse): void {
    if (this.#isEnding) endConnection(response);
    response.on('close', this.#open.add(response));
  }

  /** From now on each response over HTTP/1.1, also one whose request is here already, carries `Connection: close`. */
  endConnections(): void {
    this.#isEnding = true;
    for (const response of this.#open.values()) endConnection(response);
  }
}

/** Node writes the header for it; over HTTP/2, which has none, it means nothing. */
function endConnection(response: ServerResponse): void {
  response.shouldKeepAlive = false;
}
