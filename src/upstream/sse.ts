import { DrawbridgeError } from '../errors.ts';
import { readMessages } from '../message/batch.ts';
import { type Message, protocolVersionOf } from '../message/message.ts';
import { SseDecoder, type SseEvent } from '../message/sse-decoder.ts';
import type { Transport, TransportEvents } from '../relay/transport.ts';
import { AcceptanceSink, KEPT_BODY_BYTES } from './acceptance-sink.ts';
import { type Exchange, HttpClient } from './http/http-client.ts';
import type { ResponseSink } from './http/http-connection.ts';
import type { ResponseHead } from './http/http-response-head.ts';
import { isOwnUrl } from './http/redirects.ts';
import { errorFor, errorFromResponse, isEventStream, withRetryAfter } from './response-errors.ts';
import { headerLines, httpClientOptions, UPSTREAM_DEFAULTS, type UpstreamOptions } from './upstream-options.ts';

interface QueuedMessage {
  readonly message: Message;
  readonly accept: () => void;
  readonly reject: (error: DrawbridgeError) => void;
}

/**
 * The HTTP+SSE transport of MCP 2024-11-05, as its client: a GET stream whose first event, `endpoint`, says where to
 * POST. Messages are POSTed one at a time in the order they were sent, because servers (Python's among them) handle
 * POSTs of one session in whatever order they arrive. Ends when the stream does.
 */
export class SseUpstream implements Transport {
  readonly #options: UpstreamOptions;
  readonly #client: HttpClient;
  readonly #where: string;
  readonly #getHeaders: string;
  readonly #postHeaders: string;
  readonly #queue: QueuedMessage[] = [];
  #events: TransportEvents | undefined;
  #stream: Exchange | undefined;
  #postPath: string | undefined;
  /** Undefined until the first answer, which is that to initialize. */
  #protocolVersion: string | undefined;
  #posting: QueuedMessage | undefined;
  #retryMs: number | undefined;
  #isClosed = false;
  /** When the event stream last brought anything. */
  heardAt = 0;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    this.#where = options.url.host;
    this.#client = new HttpClient(httpClientOptions(options));
    const custom = headerLines(options.headers ?? {});
    this.#getHeaders = `Accept: text/event-stream\r\nCache-Control: no-store\r\n${custom}`;
    this.#postHeaders = `Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n${custom}`;
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return new Promise((fulfil, reject) => {
      const deadlineMs = this.#options.endpointTimeoutMs ?? UPSTREAM_DEFAULTS.endpointTimeoutMs;
      const deadline = setTimeout(() => {
        const message = `${this.#where} opened no event stream with an endpoint within ${deadlineMs} ms`;
        this.#end(new DrawbridgeError('upstream_timeout', message));
      }, deadlineMs);
      const settle = (error?: DrawbridgeError): void => {
        clearTimeout(deadline);
        if (error === undefined) fulfil();
        else reject(error);
      };
      this.#settleStart = settle;
      const { pathname, search } = this.#options.url;
      const sink = new StreamSink(this.#where, this.#options.maxMessageBytes ?? UPSTREAM_DEFAULTS.maxMessageBytes, {
        heard: () => {
          this.heardAt = performance.now();
        },
        event: (event) => this.#receive(event),
        retry: (retryMs) => {
          this.#retryMs = retryMs;
        },
        end: (error) => this.#end(error),
      });
      const request = { method: 'GET', path: pathname + search, headers: this.#getHeaders, timeoutMs: 0 } as const;
      this.#stream = this.#client.request(request, sink);
    });
  }

  send(message: Message): Promise<void> {
    return new Promise((accept, reject) => {
      if (this.#isClosed) {
        reject(new DrawbridgeError('upstream_lost', `the connection to ${this.#where} is closed`));
        return;
      }
      this.#queue.push({ message, accept, reject });
      this.#postNext();
    });
  }

  pause(): void {
    this.#stream?.pause();
  }

  resume(): void {
    this.#stream?.resume();
  }

  close(): Promise<void> {
    this.#events = undefined;
    this.#end(new DrawbridgeError('upstream_lost', `the connection to ${this.#where} was closed`));
    return Promise.resolve();
  }

  #settleStart: (error?: DrawbridgeError) => void = () => {};

  #receive(event: SseEvent): void {
    if (event.type === 'endpoint') {
      if (this.#postPath === undefined) this.#adoptEndpoint(event.data.toString());
    } else if (event.type === 'message') {
      const messages = readMessages(event.data);
      if (typeof messages === 'string') {
        this.#end(new DrawbridgeError('upstream_invalid', `${this.#where} sent ${messages}`));
        return;
      }
      for (const message of messages) {
        if (message.kind === 'response' && this.#protocolVersion === undefined) {
          this.#protocolVersion = protocolVersionOf(message) ?? '';
        }
        this.#events?.message(message, event.id === '' ? undefined : { eventId: event.id });
      }
    }
  }

  #adoptEndpoint(text: string): void {
    const base = this.#options.url;
    const endpoint = URL.canParse(text, base.href) ? new URL(text, base) : undefined;
    if (endpoint === undefined || !isOwnUrl(endpoint, base, this.#options.hostHeader ?? base.host)) {
      const message = `${this.#where} announced an endpoint that is not its own`;
      this.#end(new DrawbridgeError('upstream_invalid', message, { why: JSON.stringify(text.slice(0, 200)) }));
      return;
    }
    this.#postPath = endpoint.pathname + endpoint.search;
    this.#settleStart();
    this.#postNext();
  }

  #postNext(): void {
    if (this.#posting !== undefined || this.#postPath === undefined) return;
    const next = this.#queue.shift();
    if (next === undefined) return;
    this.#posting = next;
    // From 2025-06-18 on every request after initialize names the version; older servers pass over it.
    const version = this.#protocolVersion ? `MCP-Protocol-Version: ${this.#protocolVersion}\r\n` : '';
    this.#client.request(
      {
        method: 'POST',
        path: this.#postPath,
        headers: this.#postHeaders + version,
        body: next.message.bytes,
        timeoutMs: this.#options.acceptTimeoutMs ?? UPSTREAM_DEFAULTS.acceptTimeoutMs,
      },
      new AcceptanceSink(this.#where, (error) => {
        this.#posting = undefined;
        if (error === undefined) next.accept();
        else {
          // Answers come on the stream of the session, so with the session they are gone.
          if (error.code === 'session_lost') this.#end(sessionLost(error));
          next.reject(error);
        }
        this.#postNext();
      }),
    );
  }

  #end(reason: DrawbridgeError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const error = this.#retryMs === undefined ? reason : withRetryAfter(reason, this.#retryMs);
    this.#stream?.abort();
    this.#client.close();
    this.#settleStart(error);
    const events = this.#events;
    this.#events = undefined;
    events?.end(error);
    this.#posting?.reject(errorFor(error, true));
    for (const queued of this.#queue.splice(0)) queued.reject(error);
  }
}

/** What the loss of a session is to requests that the server has taken: their answers will not come. */
function sessionLost({ message, why, hint }: DrawbridgeError): DrawbridgeError {
  return new DrawbridgeError('upstream_lost', message, { ...(why === undefined ? {} : { why }), hint });
}

/** The response to the GET: an event stream, or the reason why it is none. */
class StreamSink implements ResponseSink {
  readonly #where: string;
  readonly #end: (error: DrawbridgeError) => void;
  readonly #heard: () => void;
  readonly #decoder: SseDecoder;
  #refusal: ResponseHead | undefined;
  #body = '';

  constructor(
    where: string,
    maxMessageBytes: number,
    events: {
      heard(): void;
      event(event: SseEvent): void;
      retry(retryMs: number): void;
      end(error: DrawbridgeError): void;
    },
  ) {
    this.#where = where;
    this.#end = events.end;
    this.#heard = events.heard;
    this.#decoder = new SseDecoder(
      {
        event: events.event,
        retry: events.retry,
        tooLarge: (limit) =>
          events.end(new DrawbridgeError('upstream_invalid', `${where} sent a message of more than ${limit} bytes`)),
      },
      maxMessageBytes,
    );
  }

  head(head: ResponseHead): void {
    if (head.status === 200 && isEventStream(head)) return;
    this.#refusal = head;
    // An error page may never end; what matters is known already.
    if (head.status === 200) this.end();
  }

  data(chunk: Buffer): void {
    if (this.#refusal === undefined) {
      this.#heard();
      this.#decoder.push(chunk);
    } else if (this.#body.length < KEPT_BODY_BYTES) this.#body += chunk.toString();
    else this.end();
  }

  end(): void {
    if (this.#refusal === undefined) {
      this.#end(new DrawbridgeError('upstream_lost', `${this.#where} ended its event stream`));
    } else this.#end(errorFromResponse(this.#where, this.#refusal, this.#body, false));
  }

  fail(error: DrawbridgeError): void {
    if (this.#refusal === undefined) this.#end(error);
    else this.end();
  }
}
