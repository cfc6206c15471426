import type { AnswerSink } from './answer-sink.ts';
import type { ResponseSink } from './http/http-connection.ts';
import type { ResponseHead } from './http/http-response-head.ts';

/** Of an error response at most this much is kept; a JSON-RPC error that is larger is not passed on. */
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * The response to a request of 2026-07-28. With a status of 2xx it is what it was before; with another its body may be
 * the answer as well, since a JSON-RPC error has a status of its own there.
 */
export class StatelessSink implements ResponseSink {
  readonly #answer: AnswerSink;
  readonly #refused: (head: ResponseHead, body: Buffer) => void;
  #head: ResponseHead | undefined;
  #body: Buffer[] = [];
  #bodyBytes = 0;

  constructor(answer: AnswerSink, refused: (head: ResponseHead, body: Buffer) => void) {
    this.#answer = answer;
    this.#refused = refused;
  }

  head(head: ResponseHead): void {
    if (head.status >= 200 && head.status < 300) this.#answer.head(head);
    else this.#head = head;
  }

  data(chunk: Buffer): void {
    if (this.#head === undefined) this.#answer.data(chunk);
    else if (this.#bodyBytes < MAX_ERROR_BYTES) {
      this.#bodyBytes += chunk.length;
      this.#body.push(chunk);
    }
  }

  end(): void {
    if (this.#head === undefined) this.#answer.end();
    else this.#refused(this.#head, Buffer.concat(this.#body));
  }

  fail(error: Parameters<ResponseSink['fail']>[0]): void {
    if (this.#head === undefined) this.#answer.fail(error);
    // What it was about is known, even where its body broke off.
    else this.#refused(this.#head, Buffer.concat(this.#body));
  }
}
