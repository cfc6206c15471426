import { cancelledKeyOf, type Progress, progressOf, progressTokenOf } from '../message/fields.ts';
import { type Message, readMessage } from '../message/message.ts';
import { idKey } from '../message/peek.ts';
import type { Interceptor, InterceptorLink } from '../relay/intercept.ts';

interface WatchedRequest {
  readonly key: string;
  /** The progress token, as its own JSON text. */
  readonly token: string;
  readonly since: number;
  readonly timer: NodeJS.Timeout;
  /** The highest that the client was told, by us or by the server. */
  told: number;
  /** The highest that the server said. */
  said: number;
}

/** Below any number that is told. */
const NOTHING = Number.NEGATIVE_INFINITY;
/** What a beat adds, as a share of the number that it must exceed: no server counts in steps so small. */
const STEP = 2 ** -32;

/**
 * Tells the client of a request under way that carries a progress token whenever nothing was heard of it for
 * `intervalMs`, so that a client which gives up on silence does not. Progress must increase with every notification (MCP,
 * progress), so a beat exceeds the last number by next to nothing, and where the server's own next number does not exceed
 * what a beat said, it is raised by as little.
 */
export function createProgressHeartbeat(intervalMs: number): (link: InterceptorLink) => Interceptor {
  return (link) => new ProgressHeartbeat(intervalMs, link);
}

class ProgressHeartbeat implements Interceptor {
  readonly #intervalMs: number;
  readonly #link: InterceptorLink;
  readonly #byToken = new Map<string, WatchedRequest>();
  readonly #tokenOf = new Map<string, string>();

  constructor(intervalMs: number, link: InterceptorLink) {
    this.#intervalMs = intervalMs;
    this.#link = link;
  }

  up(message: Message): Message {
    if (message.kind === 'request') this.#watch(message);
    else if (message.method === 'notifications/cancelled') {
      const key = cancelledKeyOf(message);
      if (key !== undefined) this.#forget(key);
    }
    return message;
  }

  down(message: Message): Message {
    if (message.kind === 'response') this.#forget(message.key);
    else if (message.method === 'notifications/progress' && this.#byToken.size > 0) return this.#noteProgress(message);
    return message;
  }

  unsent(message: Message): void {
    this.#forget(message.key);
  }

  end(): void {
    for (const { timer } of this.#byToken.values()) clearInterval(timer);
    this.#byToken.clear();
    this.#tokenOf.clear();
  }

  #watch(message: Message): void {
    const { key } = message;
    const token = progressTokenOf(message);
    if (key === undefined || token === undefined) return;
    this.#forget(key);
    const tokenKey = idKey(token);
    // A token that belongs to another open request says of neither how far it is.
    if (this.#byToken.has(tokenKey)) return;
    const timer = setInterval(() => this.#beat(request), this.#intervalMs).unref();
    const request = { key, token, since: performance.now(), timer, told: NOTHING, said: NOTHING };
    this.#byToken.set(tokenKey, request);
    this.#tokenOf.set(key, tokenKey);
  }

  #forget(key: string | undefined): void {
    const tokenKey = key === undefined ? undefined : this.#tokenOf.get(key);
    if (key === undefined || tokenKey === undefined) return;
    this.#tokenOf.delete(key);
    clearInterval(this.#byToken.get(tokenKey)?.timer);
    this.#byToken.delete(tokenKey);
  }

  #beat(request: WatchedRequest): void {
    // Where the client does not read, beats would only pile up before it.
    if (this.#link.isPaused) return;
    const progress = next(request.told);
    if (!Number.isFinite(progress)) return;
    request.told = progress;
    const text = `still running after ${Math.round((performance.now() - request.since) / 1000)} s`;
    const params = `{"progressToken":${request.token},"progress":${progress},"message":"${text}"}`;
    const beat = readMessage(Buffer.from(`{"jsonrpc":"2.0","method":"notifications/progress","params":${params}}`));
    this.#link.sendDown(beat, { relatedTo: request.key });
  }

  #noteProgress(message: Message): Message {
    const progress = progressOf(message);
    const request = progress === undefined ? undefined : this.#byToken.get(idKey(progress.token));
    if (progress === undefined || request === undefined) return message;
    request.timer.refresh();
    const isOwnIncrease = progress.progress > request.said;
    request.said = Math.max(request.said, progress.progress);
    if (progress.progress > request.told) {
      request.told = progress.progress;
      return message;
    }
    // A server that counts down does so without us; it is not for us to mend.
    return isOwnIncrease ? raise(message, progress, request) : message;
  }
}

function raise(message: Message, { at }: Progress, request: WatchedRequest): Message {
  const progress = next(request.told);
  if (!Number.isFinite(progress)) return message;
  request.told = progress;
  const { bytes } = message;
  return readMessage(
    Buffer.concat([bytes.subarray(0, at.start), Buffer.from(String(progress)), bytes.subarray(at.end)]),
  );
}

function next(told: number): number {
  return told === NOTHING ? STEP : told + Math.max(Math.abs(told), 1) * STEP;
}
