import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Message } from '../message/message.ts';
import type { Transport, TransportEvents } from '../relay/transport.ts';
import { errorFor } from './response-errors.ts';
import { SseUpstream } from './sse.ts';
import { StreamableHttpUpstream } from './streamable-http.ts';
import type { UpstreamOptions } from './upstream-options.ts';

/** `sse` and `http` are fixed; `auto` tries the one that the URL suggests, then the other; the rest say which is first. */
export type UpstreamKind = 'auto' | 'sse' | 'http' | 'sse-first' | 'http-first';

export interface DetectingOptions extends UpstreamOptions {
  readonly kind: UpstreamKind;
  /** Told once, when the server's transport is known. */
  readonly onDetected?: (kind: 'sse' | 'http') => void;
}

/**
 * The statuses by which a server says that it does not speak the transport tried (MCP 2025-11-25, backwards
 * compatibility, and what deployed servers send). 401, 403 and 5xx say nothing about the transport.
 */
const OTHER_TRANSPORT = new Set([400, 404, 405, 406, 415, 501]);

export function createUpstream(options: DetectingOptions): Transport {
  if (options.kind === 'sse') return new SseUpstream(options);
  if (options.kind === 'http') return new StreamableHttpUpstream(options);
  return new DetectingUpstream(options);
}

/** How long an event stream may be in coming before the client's first message is tried as a POST. */
const SLOW_STREAM_MS = 1000;

interface HeldMessage {
  readonly message: Message;
  readonly accept: () => void;
  readonly reject: (thrown: unknown) => void;
}

/**
 * Finds out which transport the server speaks by using it: a URL that ends in `/sse` is opened as an event stream
 * first, any other gets the client's own first message as a POST first. No probe, so no session too many. A stream that
 * is slow in coming does not hold that message up: it is tried as a POST meanwhile.
 */
class DetectingUpstream implements Transport {
  readonly #options: DetectingOptions;
  readonly #isSseFirst: boolean;
  #events: TransportEvents | undefined;
  #chosen: Transport | undefined;
  #candidate: Transport | undefined;
  #held: HeldMessage[] | undefined;
  /** How the candidate ended before it was chosen. */
  #earlyEnd: { readonly error: DrawbridgeError | undefined } | undefined;
  /** The first message as a POST, tried because the event stream is slow in coming. */
  #trial: Transport | undefined;
  #slowStream: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: DetectingOptions) {
    this.#options = options;
    const { kind, url } = options;
    this.#isSseFirst = kind === 'auto' ? /\/sse\/?$/.test(url.pathname) : kind === 'sse-first';
  }

  async start(events: TransportEvents): Promise<void> {
    this.#events = events;
    if (!this.#isSseFirst) return;
    try {
      await this.#openSse();
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      this.#isClosed = true;
      // First the end, which answers what waits: whoever hears it may close before a rejection is heard.
      this.#events?.end(error);
      this.#failHeld(error);
      throw error;
    }
  }

  async #openSse(): Promise<void> {
    const sse = this.#try(new SseUpstream(this.#options));
    try {
      await sse.start(this.#eventsFor(sse));
      this.#choose(sse, 'sse');
    } catch (thrown) {
      // The stream was given up in favour of a POST that was answered.
      if (this.#chosen !== undefined) return;
      const error = toDrawbridgeError(thrown);
      if (this.#isClosed || !this.#isOtherTransport(error)) throw error;
      const http = this.#try(new StreamableHttpUpstream(this.#options));
      await http.start(this.#eventsFor(http));
      this.#choose(http, 'http');
    }
  }

  send(message: Message): void | Promise<void> {
    if (this.#chosen !== undefined) return this.#chosen.send(message);
    if (this.#isClosed) return Promise.reject(this.#closedError());
    if (this.#held === undefined && !this.#isSseFirst) {
      this.#held = [];
      return this.#sendFirst(message);
    }
    return new Promise((accept, reject) => {
      const held = { message, accept, reject };
      if (this.#held === undefined) {
        this.#held = [];
        this.#slowStream = setTimeout(() => this.#tryPost(held), SLOW_STREAM_MS);
      }
      this.#held.push(held);
    });
  }

  /** Some servers answer a GET only when they have something to say: then a POST of theirs settles the question. */
  async #tryPost(held: HeldMessage): Promise<void> {
    if (this.#chosen !== undefined || this.#isClosed || !this.#isSseFirst) return;
    const sse = this.#candidate;
    const http = new StreamableHttpUpstream(this.#options);
    this.#trial = http;
    await http.start(this.#eventsFor(http));
    try {
      await http.send(held.message);
    } catch {
      // The stream may still come.
      await http.close();
      return;
    }
    if (this.#chosen !== undefined || this.#isClosed) return;
    this.#held = this.#held?.filter((other) => other !== held);
    held.accept();
    this.#trial = undefined;
    this.#choose(this.#try(http), 'http');
    await sse?.close();
  }

  get heardAt(): number {
    return this.#chosen?.heardAt ?? 0;
  }

  pause(): void {
    (this.#chosen ?? this.#candidate)?.pause();
  }

  resume(): void {
    (this.#chosen ?? this.#candidate)?.resume();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#events = undefined;
    clearTimeout(this.#slowStream);
    this.#failHeld(this.#closedError());
    await Promise.all([(this.#chosen ?? this.#candidate)?.close(), this.#trial?.close()]);
  }

  async #sendFirst(message: Message): Promise<void> {
    const http = this.#try(new StreamableHttpUpstream(this.#options));
    await http.start(this.#eventsFor(http));
    try {
      await http.send(message);
      this.#choose(http, 'http');
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      if (this.#isClosed || !this.#isOtherTransport(error)) {
        // The question stays open for the next message.
        this.#failHeld(error);
        throw error;
      }
      await this.#fallBackToSse(message, http, error);
    }
  }

  async #fallBackToSse(message: Message, http: Transport, first: DrawbridgeError): Promise<void> {
    await http.close();
    const sse = this.#try(new SseUpstream(this.#options));
    try {
      await sse.start(this.#eventsFor(sse));
    } catch (thrown) {
      const second = toDrawbridgeError(thrown);
      // The first answer says more about a URL that is wrong for both.
      const error = this.#isOtherTransport(second) ? first : second;
      this.#failHeld(error);
      throw error;
    }
    const sent = sse.send(message);
    this.#choose(sse, 'sse');
    await sent;
  }

  #try<T extends Transport>(candidate: T): T {
    this.#candidate = candidate;
    this.#earlyEnd = undefined;
    return candidate;
  }

  /** A candidate that was given up must not be heard. */
  #eventsFor(candidate: Transport): TransportEvents {
    return {
      message: (message, route) => this.#events?.message(message, route),
      error: (error) => this.#events?.error(error),
      end: (error) => {
        if (this.#chosen === candidate) this.#events?.end(error);
        else if (this.#candidate === candidate) this.#earlyEnd = { error };
      },
    };
  }

  #choose(transport: Transport, kind: 'sse' | 'http'): void {
    this.#chosen = transport;
    clearTimeout(this.#slowStream);
    void this.#trial?.close();
    this.#options.onDetected?.(kind);
    for (const { message, accept, reject } of this.#held ?? []) {
      Promise.resolve(transport.send(message)).then(accept, reject);
    }
    this.#held = undefined;
    if (this.#earlyEnd !== undefined) this.#events?.end(this.#earlyEnd.error);
  }

  #closedError(): DrawbridgeError {
    return new DrawbridgeError('upstream_lost', `the connection to ${this.#options.url.host} is closed`);
  }

  /** Nothing that is held was sent. */
  #failHeld(error: DrawbridgeError): void {
    for (const held of this.#held ?? []) held.reject(errorFor(error, false));
    this.#held = undefined;
  }

  #isOtherTransport(error: DrawbridgeError): boolean {
    return (
      error.upstreamStatus !== undefined &&
      (OTHER_TRANSPORT.has(error.upstreamStatus) || error.code === 'upstream_invalid')
    );
  }
}
