import { DrawbridgeError } from '../errors.ts';
import { SseDecoder, type SseEvent } from '../message/sse-decoder.ts';
import type { Exchange, HttpClient, HttpRequest } from '../upstream/http/http-client.ts';
import type { ResponseSink } from '../upstream/http/http-connection.ts';
import type { ResponseHead } from '../upstream/http/http-response-head.ts';
import { isEventStream } from '../upstream/response-errors.ts';

/** Of a body that is no event stream; a list of tools may be long. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** What happened on a stream, the last ones. */
const MAX_SIGNS = 100;

/** Something that came on an event stream. */
export interface StreamSign {
  readonly kind: 'event' | 'comment';
  /** Since the request was made. */
  readonly afterMs: number;
}

/** A request under way, and what is seen of its response: when each part came, and what it was. */
export class WatchedExchange implements ResponseSink {
  readonly #startedAt = performance.now();
  readonly #exchange: Exchange;
  readonly #signal: AbortSignal;
  readonly #onEvent: (event: SseEvent) => void;
  readonly #waiting = new Set<() => void>();
  readonly #parts: Buffer[] = [];
  #bodyBytes = 0;
  #decoder: SseDecoder | undefined;
  #eventCount = 0;
  response: ResponseHead | undefined;
  headMs = 0;
  /** Until the first byte of the body, and until the first event; undefined before. */
  firstByteMs: number | undefined;
  firstEventMs: number | undefined;
  firstEvent: SseEvent | undefined;
  readonly signs: StreamSign[] = [];
  isOver = false;
  /** Why there is no response, or none that is whole. */
  error: DrawbridgeError | undefined;

  constructor(
    client: HttpClient,
    request: HttpRequest,
    signal: AbortSignal,
    onEvent: (event: SseEvent) => void = () => {},
  ) {
    this.#signal = signal;
    this.#onEvent = onEvent;
    this.#exchange = client.request(request, this);
  }

  /** Zero before the head. */
  get status(): number {
    return this.response?.status ?? 0;
  }

  get isEventStream(): boolean {
    return this.response !== undefined && isEventStream(this.response);
  }

  /** What came, where it is no event stream. */
  get body(): Buffer {
    return Buffer.concat(this.#parts);
  }

  header(name: string): string | undefined {
    return this.response?.headers.get(name);
  }

  /** Those of the response, a line each. */
  get headerLines(): string {
    return [...(this.response?.headers ?? [])].map(([name, value]) => `${name}: ${value}`).join('\n');
  }

  /** Waits until the condition holds; false when it does not within `ms`. Rejects when the walk ends. */
  until(condition: () => boolean, ms: number): Promise<boolean> {
    return new Promise((fulfil, reject) => {
      const finish = (holds: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        this.#signal.removeEventListener('abort', look);
        if (this.#signal.aborted) reject(new DrawbridgeError('cancelled', 'the check was given up'));
        else fulfil(holds);
      };
      const look = (): void => {
        if (condition() || this.#signal.aborted) finish(condition());
      };
      const timer = setTimeout(() => finish(condition()), ms);
      this.#waiting.add(look);
      this.#signal.addEventListener('abort', look);
      look();
    });
  }

  /** Waits for the head; throws why there is none. */
  async answered(ms: number): Promise<boolean> {
    const isAnswered = await this.until(() => this.response !== undefined || this.isOver, ms);
    if (this.response === undefined && this.error !== undefined) throw this.error;
    return isAnswered;
  }

  /** Waits for the whole response where it has an end. */
  async ended(ms: number): Promise<void> {
    await this.answered(ms);
    await this.until(() => this.isOver, ms);
  }

  abort(): void {
    this.isOver = true;
    this.#exchange.abort();
    this.#changed();
  }

  /** Since the request was made. */
  get elapsedMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  #changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  head(head: ResponseHead): void {
    this.response = head;
    this.headMs = this.elapsedMs;
    if (isEventStream(head)) {
      const tooLarge = (): void => this.abort();
      this.#decoder = new SseDecoder({ event: (event) => this.#event(event), tooLarge }, MAX_BODY_BYTES);
    }
    this.#changed();
  }

  data(chunk: Buffer): void {
    this.firstByteMs ??= this.elapsedMs;
    if (this.#decoder === undefined) {
      if (this.#bodyBytes < MAX_BODY_BYTES) this.#parts.push(chunk);
      this.#bodyBytes += chunk.length;
    } else {
      const before = this.#eventCount;
      this.#decoder.push(chunk);
      this.#note(this.#eventCount > before ? 'event' : 'comment');
    }
    this.#changed();
  }

  #note(kind: StreamSign['kind']): void {
    if (this.signs.length === MAX_SIGNS) this.signs.shift();
    this.signs.push({ kind, afterMs: this.elapsedMs });
  }

  #event(event: SseEvent): void {
    this.#eventCount++;
    this.firstEventMs ??= this.elapsedMs;
    this.firstEvent ??= event;
    this.#onEvent(event);
  }

  end(): void {
    this.isOver = true;
    this.#changed();
  }

  fail(error: DrawbridgeError): void {
    this.error = error;
    this.end();
  }
}
