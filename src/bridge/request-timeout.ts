import { DrawbridgeError } from '../errors.ts';
import { cancelledKeyOf, progressOf, progressTokenOf } from '../message/fields.ts';
import { errorReply, type Message, readMessage } from '../message/message.ts';
import { idKey } from '../message/peek.ts';
import type { Interceptor, InterceptorLink } from '../relay/intercept.ts';

interface RunningRequest {
  readonly id: string;
  readonly key: string;
  readonly method: string;
  readonly tokenKey: string | undefined;
  readonly timer: NodeJS.Timeout;
}

const MAX_METHOD_CHARS = 64;

/**
 * Answers each request, except `initialize`, with an error when the server has not answered it within `timeoutMs`, and
 * cancels it upstream. Progress that the server tells of a request gives it its whole time again. What the server still
 * answers is left to the relay, which drops answers that nobody waits for.
 */
export function createRequestTimeout(timeoutMs: number): (link: InterceptorLink) => Interceptor {
  return (link) => new RequestTimeout(timeoutMs, link);
}

class RequestTimeout implements Interceptor {
  readonly #timeoutMs: number;
  readonly #link: InterceptorLink;
  readonly #running = new Map<string, RunningRequest>();
  readonly #byToken = new Map<string, RunningRequest>();

  constructor(timeoutMs: number, link: InterceptorLink) {
    this.#timeoutMs = timeoutMs;
    this.#link = link;
  }

  up(message: Message): Message {
    if (message.kind === 'request' && message.method !== 'initialize') this.#begin(message);
    else if (message.method === 'notifications/cancelled') {
      const key = cancelledKeyOf(message);
      if (key !== undefined) this.#finish(key);
    }
    return message;
  }

  down(message: Message): Message {
    if (message.kind === 'response') this.#finish(message.key);
    else if (message.method === 'notifications/progress' && this.#byToken.size > 0) {
      const progress = progressOf(message);
      if (progress !== undefined) this.#byToken.get(idKey(progress.token))?.timer.refresh();
    }
    return message;
  }

  unsent(message: Message): void {
    this.#finish(message.key);
  }

  end(): void {
    for (const { timer } of this.#running.values()) clearTimeout(timer);
    this.#running.clear();
    this.#byToken.clear();
  }

  #begin(message: Message): void {
    const { id, key, method = '' } = message;
    if (id === undefined || key === undefined) return;
    this.#finish(key);
    const token = progressTokenOf(message);
    const tokenKey = token === undefined ? undefined : idKey(token);
    const timer = setTimeout(() => this.#expire(request), this.#timeoutMs).unref();
    const request = { id, key, method, tokenKey, timer };
    this.#running.set(key, request);
    if (tokenKey !== undefined) this.#byToken.set(tokenKey, request);
  }

  #finish(key: string | undefined): void {
    const request = key === undefined ? undefined : this.#running.get(key);
    if (request === undefined) return;
    clearTimeout(request.timer);
    this.#running.delete(request.key);
    const { tokenKey } = request;
    if (tokenKey !== undefined && this.#byToken.get(tokenKey) === request) this.#byToken.delete(tokenKey);
  }

  #expire(request: RunningRequest): void {
    // The answer may be waiting for the client to read what came before it.
    if (this.#link.isPaused) {
      request.timer.refresh();
      return;
    }
    this.#finish(request.key);
    const { id, key, method } = request;
    const time = `${this.#timeoutMs / 1000} s`;
    const what = method.length > MAX_METHOD_CHARS ? `${method.slice(0, MAX_METHOD_CHARS)}…` : method;
    const error = new DrawbridgeError('request_timeout', `the MCP server did not answer ${what} within ${time}`, {
      why: `the limit is that of --request-timeout, and the call was cancelled`,
      mayHaveRun: true,
    });
    const reason = JSON.stringify(`no answer within ${time}`);
    this.#link.sendUp(
      readMessage(
        Buffer.from(
          `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id},"reason":${reason}}}`,
        ),
      ),
    );
    this.#link.sendDown(errorReply(id, error), { relatedTo: key });
  }
}
