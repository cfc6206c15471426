import type { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { SseDecoder } from '../message/sse-decoder.ts';
import { KEPT_BODY_BYTES } from './acceptance-sink.ts';
import type { Exchange, HttpClient } from './http/http-client.ts';
import type { ResponseHead } from './http/http-response-head.ts';
import { errorFromResponse, isEventStream } from './response-errors.ts';

export interface ListeningStreamOptions {
  readonly client: HttpClient;
  readonly path: string;
  readonly where: string;
  readonly maxMessageBytes: number;
  readonly logger: Logger;
  /** The header lines of the session as it is now. */
  readonly headers: () => string;
  readonly message: (bytes: Buffer, eventId: string) => void;
  /** The server no longer knows the session. */
  readonly sessionLost: (error: DrawbridgeError) => void;
}

const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 5000;
/** What a server may ask for with `retry:`, at most. */
const MAX_RETRY_MS = 60_000;

/**
 * The GET stream of Streamable HTTP, on which a server sends what answers no request. Opened again whenever it ends,
 * after a growing delay or the one the server asked for, from the last event id where the server gave any. A 405 says
 * that the server has none: then that is all.
 */
export class ListeningStream {
  readonly #options: ListeningStreamOptions;
  #exchange: Exchange | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lastEventId = '';
  #retryMs: number | undefined;
  #failures = 0;
  /** Servers without this stream may say 404 where 405 is meant; only one that had it can have lost it. */
  #hasOpened = false;
  #isPaused = false;
  #isClosed = false;

  constructor(options: ListeningStreamOptions) {
    this.#options = options;
  }

  open(): void {
    const { client, path, where, headers, maxMessageBytes, logger } = this.#options;
    if (this.#isClosed) return;
    const resume = this.#lastEventId === '' ? '' : `Last-Event-ID: ${this.#lastEventId}\r\n`;
    const decoder = this.#createDecoder(maxMessageBytes);
    let head: ResponseHead | undefined;
    let body = '';
    const over = (why: string, retryAfterMs?: number): void => {
      if (this.#isClosed) return;
      if (head?.status === 405 || (head?.status === 404 && !this.#hasOpened)) {
        logger.debug(`${where} has no stream of its own messages (HTTP ${head.status})`);
        return;
      }
      logger.debug(`the listening stream to ${where} ${why}`);
      this.#openLater(retryAfterMs);
    };
    this.#exchange = client.request(
      { method: 'GET', path, headers: `Accept: text/event-stream\r\n${headers()}${resume}`, timeoutMs: 0 },
      {
        head: (received) => {
          head = received;
          if (head.status !== 200 || !isEventStream(head)) return;
          this.#failures = 0;
          this.#hasOpened = true;
        },
        data: (chunk) => {
          if (head?.status === 200 && isEventStream(head)) decoder.push(chunk);
          else if (body.length < KEPT_BODY_BYTES) body += chunk.toString('latin1');
        },
        end: () => {
          const error =
            head === undefined || head.status < 400 ? undefined : errorFromResponse(where, head, body, false);
          if (error?.code === 'session_lost' && this.#hasOpened && !this.#isClosed) this.#options.sessionLost(error);
          else over(`ended with HTTP ${head?.status}`, error?.retryAfterMs);
        },
        fail: (error) => over(`failed: ${error.sentence}`),
      },
    );
    if (this.#isPaused) this.#exchange.pause();
  }

  pause(): void {
    this.#isPaused = true;
    this.#exchange?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#exchange?.resume();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#exchange?.abort();
  }

  #createDecoder(maxMessageBytes: number): SseDecoder {
    return new SseDecoder(
      {
        event: ({ type, data, id }) => {
          this.#lastEventId = id;
          if (type === 'message') this.#options.message(data, id);
        },
        primed: (id) => {
          this.#lastEventId = id;
        },
        retry: (retryMs) => {
          this.#retryMs = Math.min(retryMs, MAX_RETRY_MS);
        },
        tooLarge: () => {
          this.#exchange?.abort();
          this.#openLater();
        },
      },
      maxMessageBytes,
    );
  }

  #openLater(retryAfterMs = 0): void {
    const growing = Math.min(FIRST_DELAY_MS * 2 ** this.#failures++, MAX_DELAY_MS) * (0.75 + Math.random() / 2);
    // A `retry: 0` must not make a loop that only the network slows down.
    const leastMs = Math.max(this.#retryMs ?? growing, FIRST_DELAY_MS, Math.min(retryAfterMs, MAX_RETRY_MS));
    this.#timer = setTimeout(() => this.open(), leastMs).unref();
  }
}
