import { progressOf, progressTokenOf } from '../../message/fields.ts';
import type { Message } from '../../message/message.ts';
import { idKey } from '../../message/peek.ts';

/**
 * Requests that wait for their answer, to which what a server says meanwhile belongs: a pipe has no streams that would
 * tell, and a client over Streamable HTTP may listen to nothing else than the responses to its requests.
 */
export class OpenRequests {
  /** The key of each, oldest first, and the key of its progress token. */
  readonly #tokens = new Map<string, string | undefined>();

  add(request: Message): void {
    if (request.key === undefined) return;
    const token = progressTokenOf(request);
    this.#tokens.set(request.key, token === undefined ? undefined : idKey(token));
  }

  settle(key: string | undefined): void {
    if (key !== undefined) this.#tokens.delete(key);
  }

  /** The key of the request that a message of the server belongs to; undefined where it may be any, or none. */
  ownerOf(message: Message): string | undefined {
    if (message.method === 'notifications/progress') {
      const progress = progressOf(message);
      const token = progress && idKey(progress.token);
      return token && [...this.#tokens].find(([, other]) => other === token)?.[0];
    }
    const isAboutCalls = message.kind === 'request' || message.method === 'notifications/message';
    return isAboutCalls && this.#tokens.size === 1 ? this.#tokens.keys().next().value : undefined;
  }
}
