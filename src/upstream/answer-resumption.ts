import type { DrawbridgeError } from '../errors.ts';
import type { Message } from '../message/message.ts';
import { AnswerSink, type BreakPoint } from './answer-sink.ts';
import type { Exchange, HttpClient } from './http/http-client.ts';

export interface AnswerResumptionOptions {
  readonly client: HttpClient;
  readonly path: string;
  readonly where: string;
  readonly maxMessageBytes: number;
  /** The header lines of the session as it is now. */
  readonly headers: () => string;
  readonly request: Message;
  readonly message: (message: Message, eventId: string) => void;
  /** The answer will not come. */
  readonly unanswered: (error: DrawbridgeError) => void;
  /** Nothing more will be told. */
  readonly over: () => void;
}

/** A server that cannot be reached is tried for this long: whoever waits for the answer must hear soon that it is lost. */
const PATIENCE_MS = 750;
const RETRY_MS = 200;
/** What a server may ask for with `retry:`, at least and at most. */
const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 60_000;

/**
 * The rest of an answer whose stream broke off or was ended early by the server: a GET with `Last-Event-ID` continues
 * it (MCP 2025-11-25, transports, resumability). The server may end that too and be asked again, as often as it likes;
 * one that refuses, or stays away, has lost the answer.
 */
export class AnswerResumption implements Exchange {
  readonly #options: AnswerResumptionOptions;
  #lastEventId = '';
  #error: DrawbridgeError | undefined;
  #brokenAt = 0;
  #exchange: Exchange | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;
  #isOver = false;

  constructor(options: AnswerResumptionOptions) {
    this.#options = options;
  }

  /** `error` is what is told when nothing comes of it. */
  begin({ lastEventId, retryMs }: BreakPoint, error: DrawbridgeError): void {
    this.#lastEventId = lastEventId;
    this.#error = error;
    const delayMs = retryMs === undefined ? 0 : Math.min(Math.max(retryMs, MIN_RETRY_MS), MAX_RETRY_MS);
    this.#brokenAt = performance.now() + delayMs;
    this.#askLater(delayMs);
  }

  abort(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#exchange?.abort();
  }

  pause(): void {
    this.#isPaused = true;
    this.#exchange?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#exchange?.resume();
  }

  #askLater(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), delayMs);
  }

  #ask(): void {
    const { client, path, where, maxMessageBytes, headers, request, message, unanswered } = this.#options;
    let isAnswered = false;
    let isCut = false;
    const sink = new AnswerSink(request, where, maxMessageBytes, {
      accepted: () => {},
      message: (received, eventId) => {
        isAnswered ||= received.kind === 'response' && received.key === request.key;
        message(received, eventId);
      },
      cut: (point, error) => {
        isCut = true;
        this.begin(point.lastEventId === '' ? { ...point, lastEventId: this.#lastEventId } : point, error);
        return true;
      },
      unanswered: (error) => {
        isAnswered = true;
        unanswered(error);
      },
      over: (refusal) => {
        if (isCut) return;
        if (isAnswered) this.#finish();
        else this.#refused(refusal);
      },
    });
    const lines = `Accept: text/event-stream\r\n${headers()}Last-Event-ID: ${this.#lastEventId}\r\n`;
    this.#exchange = client.request({ method: 'GET', path, headers: lines, timeoutMs: 0 }, sink);
    if (this.#isPaused) this.#exchange.pause();
  }

  #refused(refusal: DrawbridgeError | undefined): void {
    const status = refusal?.upstreamStatus;
    const isAway = status === undefined || status >= 500;
    if (isAway && performance.now() - this.#brokenAt < PATIENCE_MS) this.#askLater(RETRY_MS);
    else {
      if (this.#error !== undefined) this.#options.unanswered(this.#error);
      this.#finish();
    }
  }

  #finish(): void {
    if (this.#isOver) return;
    // The server may leave the stream open after the answer; nobody wants the rest of it.
    this.abort();
    this.#options.over();
  }
}
