import { type Message, readMessage } from '../../message/message.ts';
import type { Interceptor, InterceptorLink } from '../../relay/intercept.ts';

const ID_PREFIX = 'drawbridge-pulse-';

/**
 * Asks a client for a sign of life: MCP's own `ping`, which every initialized client must answer (MCP 2025-11-25,
 * utilities/ping). A peer that is gone without a word takes heartbeats for as long as its system's buffers do, so
 * writing to it tells nothing. The answers stay here.
 */
export class ClientPulse {
  #link: InterceptorLink | undefined;
  #isInitialized = false;
  #count = 0;
  /** The id of the question that was not answered yet. */
  #asked: string | undefined;
  /** The client has said something else since. */
  #hasSpoken = false;

  /** Whether the client has been silent since it was asked. */
  get isWaiting(): boolean {
    return this.#asked !== undefined && !this.#hasSpoken;
  }

  /** Stands between the relay and the upstream, where answers of the client pass. */
  readonly intercept = (link: InterceptorLink): Interceptor => {
    this.#link = link;
    return { up: (message) => this.#up(message) };
  };

  /** Asks, unless the client has still to say that it is initialized, or is being asked. */
  ask(): void {
    if (!this.#isInitialized || this.isWaiting) return;
    if (this.#asked !== undefined)
      this.#say(`"method":"notifications/cancelled","params":{"requestId":${this.#asked}}`);
    this.#asked = `"${ID_PREFIX}${++this.#count}"`;
    this.#hasSpoken = false;
    this.#say(`"id":${this.#asked},"method":"ping"`);
  }

  /** The client has sent anything at all, which is a sign of life as good as the answer. */
  noteLife(): void {
    this.#hasSpoken = true;
  }

  #say(members: string): void {
    this.#link?.sendDown(readMessage(Buffer.from(`{"jsonrpc":"2.0",${members}}`)));
  }

  #up(message: Message): Message | undefined {
    if (message.kind === 'notification' && message.method === 'notifications/initialized') this.#isInitialized = true;
    if (message.kind !== 'response' || !message.id?.startsWith(`"${ID_PREFIX}`)) return message;
    this.#asked = undefined;
    return undefined;
  }
}
