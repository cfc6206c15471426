import { DrawbridgeError } from '../errors.ts';
import { readMessages } from '../message/batch.ts';
import { type Message, nameRequest, readMessage } from '../message/message.ts';
import { SseDecoder } from '../message/sse-decoder.ts';
import { KEPT_BODY_BYTES } from './acceptance-sink.ts';
import type { ResponseSink } from './http/http-connection.ts';
import type { ResponseHead } from './http/http-response-head.ts';
import { errorFromResponse, isEventStream } from './response-errors.ts';

/** Where an answer's stream broke off, and what the server said of coming back. */
export interface BreakPoint {
  readonly lastEventId: string;
  /** The stream's `retry:`, in milliseconds. */
  readonly retryMs: number | undefined;
}

export interface AnswerEvents {
  /** The server took the request; its answer follows. */
  accepted(head: ResponseHead): void;
  message(message: Message, eventId: string): void;
  /**
   * The stream of the answer broke off after an event with an id. True where somebody goes on from there, who then
   * tells the answer or that there is none.
   */
  cut?(at: BreakPoint, error: DrawbridgeError): boolean;
  /** The request was accepted, but its answer will not come. */
  unanswered(error: DrawbridgeError): void;
  /** The exchange is over; with an error, the request was never accepted. Told once, last. */
  over(error?: DrawbridgeError): void;
}

type Kind = 'json' | 'stream' | 'refusal';

/**
 * The response to a POSTed request in Streamable HTTP: one JSON body, an event stream whose last message is the answer,
 * or a refusal. Tells exactly one of: the answer, `unanswered`, an error with `over`.
 */
export class AnswerSink implements ResponseSink {
  readonly #request: Message;
  readonly #where: string;
  readonly #maxMessageBytes: number;
  readonly #events: AnswerEvents;
  #kind: Kind = 'refusal';
  #head: ResponseHead | undefined;
  #decoder: SseDecoder | undefined;
  #body: Buffer[] = [];
  #bodyBytes = 0;
  #retryMs: number | undefined;
  #isAnswered = false;
  #isOver = false;

  constructor(request: Message, where: string, maxMessageBytes: number, events: AnswerEvents) {
    this.#request = request;
    this.#where = where;
    this.#maxMessageBytes = maxMessageBytes;
    this.#events = events;
  }

  head(head: ResponseHead): void {
    this.#head = head;
    const isOk = head.status >= 200 && head.status < 300;
    if (isOk && isEventStream(head)) {
      this.#kind = 'stream';
      this.#decoder = new SseDecoder(
        {
          event: (event) => {
            if (event.type === 'message') this.#receive(event.data, event.id);
          },
          retry: (retryMs) => {
            this.#retryMs = retryMs;
          },
          tooLarge: () => this.#tooLarge(),
        },
        this.#maxMessageBytes,
      );
      this.#events.accepted(head);
    } else if (isOk && isJson(head)) {
      this.#kind = 'json';
      this.#events.accepted(head);
    }
  }

  data(chunk: Buffer): void {
    if (this.#kind === 'stream') {
      this.#decoder?.push(chunk);
      return;
    }
    if (this.#kind === 'refusal' && this.#bodyBytes >= KEPT_BODY_BYTES) return;
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes > this.#maxMessageBytes) this.#tooLarge();
    else this.#body.push(chunk);
  }

  end(): void {
    if (this.#kind === 'refusal') {
      this.#refused();
      return;
    }
    if (this.#kind === 'json' && !this.#isOver) {
      const body = this.#body.length === 1 ? this.#body[0]! : Buffer.concat(this.#body, this.#bodyBytes);
      this.#receive(body, '');
    }
    // An error is made only where it is told: its stack costs more than all the rest of an answer.
    if (this.#isAnswered) this.#over();
    else {
      const message = `${this.#where} ended its response without the answer`;
      this.#finish(new DrawbridgeError('upstream_lost', message, { mayHaveRun: true }));
    }
  }

  fail(error: DrawbridgeError): void {
    if (this.#kind === 'refusal') {
      this.#over(this.#head === undefined ? error : this.#refusal());
      return;
    }
    this.#finish(error);
  }

  #finish(error: DrawbridgeError): void {
    if (!this.#isAnswered && !this.#isOver && !this.#isResumed(error)) this.#unanswered(error);
    this.#over();
  }

  #isResumed(error: DrawbridgeError): boolean {
    const lastEventId = this.#decoder?.lastEventId ?? '';
    return lastEventId !== '' && this.#events.cut?.({ lastEventId, retryMs: this.#retryMs }, error) === true;
  }

  #receive(bytes: Buffer, eventId: string): void {
    const messages = readMessages(bytes);
    if (typeof messages === 'string') {
      this.#broken(`${this.#where} sent ${messages}`);
      return;
    }
    for (const received of messages) {
      // An error that names no request can here mean one only, and none once that is answered.
      const named = nameRequest(received, this.#request.id ?? 'null');
      if (named !== undefined && this.#isAnswered) continue;
      const message = named ?? received;
      if (message.kind === 'response' && message.key === this.#request.key) this.#isAnswered = true;
      this.#events.message(message, eventId);
    }
  }

  /**
   * Where the refusal is a JSON-RPC error for this very request, it is the answer. So is one without an id, but not to
   * `initialize`, by which a server may only say that it speaks another transport.
   */
  #refused(): void {
    const error = this.#refusal();
    const answer = this.#body.length === 0 ? undefined : this.#answerIn(error);
    if (answer === undefined) {
      this.#over(error);
      return;
    }
    this.#isAnswered = true;
    this.#events.message(answer, '');
    this.#over();
  }

  #answerIn({ code, upstreamStatus = 0 }: DrawbridgeError): Message | undefined {
    const body = readMessage(Buffer.concat(this.#body, this.#bodyBytes));
    if (code === 'session_lost' || code === 'loop_detected') return undefined;
    if (body.kind === 'response' && body.key === this.#request.key) return body;
    // Only these statuses judge the request; the others are about credentials, load or the server as a whole.
    const isAboutRequest = code === 'upstream_error' && upstreamStatus < 500 && upstreamStatus !== 429;
    if (!isAboutRequest || this.#request.method === 'initialize') return undefined;
    return nameRequest(body, this.#request.id ?? 'null');
  }

  #refusal(): DrawbridgeError {
    const head = this.#head ?? { status: 0, headers: new Map() };
    return errorFromResponse(this.#where, head, Buffer.concat(this.#body, this.#bodyBytes).toString(), true);
  }

  #tooLarge(): void {
    this.#broken(`${this.#where} sent a message of more than ${this.#maxMessageBytes} bytes`);
  }

  #broken(message: string): void {
    if (this.#isOver) return;
    this.#body = [];
    if (!this.#isAnswered) this.#unanswered(new DrawbridgeError('upstream_invalid', message, { mayHaveRun: true }));
    this.#over();
  }

  #unanswered(error: DrawbridgeError): void {
    this.#isAnswered = true;
    this.#events.unanswered(error);
  }

  #over(error?: DrawbridgeError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.over(error);
  }
}

function isJson(head: ResponseHead): boolean {
  return head.status !== 202 && /^application\/json\s*(;|$)/i.test(head.headers.get('content-type') ?? '');
}
