import { DrawbridgeError } from '../errors.ts';
import type { ResponseSink } from './http/http-connection.ts';
import type { ResponseHead } from './http/http-response-head.ts';
import { errorFromResponse } from './response-errors.ts';

/** Of the body of an error response, at most this much is kept. */
export const KEPT_BODY_BYTES = 1024;

/** What can say no under a status that says yes: a web page, such as a sign-in page, and a JSON-RPC error. */
const DOUBTFUL_TYPE = /^(text\/html|application\/json)\s*(;|$)/i;
const RPC_ERROR = /^\s*\{(?=.*"jsonrpc").*"error"\s*:/s;

/** The response to a POST: a 2xx accepts the message, unless its body says otherwise. */
export class AcceptanceSink implements ResponseSink {
  readonly #where: string;
  readonly #done: (error?: DrawbridgeError) => void;
  #refusal: ResponseHead | undefined;
  #doubtful: ResponseHead | undefined;
  #body = '';

  constructor(where: string, done: (error?: DrawbridgeError) => void) {
    this.#where = where;
    this.#done = done;
  }

  head(head: ResponseHead): void {
    if (head.status < 200 || head.status > 299) this.#refusal = head;
    else if (DOUBTFUL_TYPE.test(head.headers.get('content-type') ?? '')) this.#doubtful = head;
  }

  data(chunk: Buffer): void {
    const isLookedAt = this.#refusal !== undefined || this.#doubtful !== undefined;
    if (isLookedAt && this.#body.length < KEPT_BODY_BYTES) this.#body += chunk.toString();
  }

  end(): void {
    if (this.#refusal !== undefined) this.#done(errorFromResponse(this.#where, this.#refusal, this.#body, true));
    else this.#done(this.#doubtful === undefined || this.#body === '' ? undefined : this.#errorIn(this.#doubtful));
  }

  fail(error: DrawbridgeError): void {
    if (this.#refusal === undefined) this.#done(error);
    else this.end();
  }

  #errorIn(head: ResponseHead): DrawbridgeError | undefined {
    const { status, headers } = head;
    if (/html/i.test(headers.get('content-type') ?? '')) return errorFromResponse(this.#where, head, this.#body, true);
    if (!RPC_ERROR.test(this.#body)) return undefined;
    return new DrawbridgeError('upstream_error', `${this.#where} answered with an error`, {
      why: `HTTP ${status}: ${this.#body.trim().slice(0, 200)}`,
      upstreamStatus: status,
      mayHaveRun: true,
    });
  }
}
