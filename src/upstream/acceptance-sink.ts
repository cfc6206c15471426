import type { DrawbridgeError } from '../errors.ts';
import type { ResponseSink } from './http/http-connection.ts';
import type { ResponseHead } from './http/http-response-head.ts';
import { errorFromResponse } from './response-errors.ts';

/** Of the body of an error response, at most this much is kept. */
export const KEPT_BODY_BYTES = 1024;

/** The response to a POST: any 2xx accepts the message. */
export class AcceptanceSink implements ResponseSink {
  readonly #where: string;
  readonly #done: (error?: DrawbridgeError) => void;
  #refusal: ResponseHead | undefined;
  #body = '';

  constructor(where: string, done: (error?: DrawbridgeError) => void) {
    this.#where = where;
    this.#done = done;
  }

  head(head: ResponseHead): void {
    if (head.status < 200 || head.status > 299) this.#refusal = head;
  }

  data(chunk: Buffer): void {
    if (this.#refusal !== undefined && this.#body.length < KEPT_BODY_BYTES) this.#body += chunk.toString();
  }

  end(): void {
    if (this.#refusal === undefined) this.#done();
    else this.#done(errorFromResponse(this.#where, this.#refusal, this.#body, true));
  }

  fail(error: DrawbridgeError): void {
    this.#done(error);
  }
}
