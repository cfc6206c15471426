import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { findField } from '../message/fields.ts';
import { type Message, readMessage } from '../message/message.ts';
import { Backoff } from '../relay/backoff.ts';
import type { Transport } from '../relay/transport.ts';
import { hasCapability } from './to-modern.ts';

/** Between a stream that ended and the next. */
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 60_000;
/** A stream that stood for so long did not end because it was opened. */
const STEADY_MS = 10_000;
/** Resources that one client may subscribe to. */
const MAX_RESOURCES = 256;
const LISTS = ['tools', 'prompts', 'resources'] as const;
const ACKNOWLEDGED = 'notifications/subscriptions/acknowledged';

export interface ChangeListenerOptions {
  /** A transport for the request with these params, not started yet, and the request as the server is to have it. */
  readonly connect: (request: Message) => { transport: Transport; message: Message };
  /** What the server tells. */
  readonly tell: (notification: Message) => void | Promise<void>;
  readonly warn: (error: DrawbridgeError) => void;
}

interface Stream {
  readonly transport: Transport;
  readonly message: Message;
  isAcknowledged: boolean;
  /** Since when, in milliseconds of the monotonic clock. */
  since: number;
}

/**
 * One `subscriptions/listen` for all that a legacy client hears of changes (MCP 2026-07-28). It is opened anew when what
 * the client wants has changed, where the former stays until the new one stands, and when it ends, after a while.
 */
export class ChangeListener {
  readonly #options: ChangeListenerOptions;
  readonly #backoff = new Backoff({ firstMs: FIRST_DELAY_MS, capMs: MAX_DELAY_MS });
  readonly #resources = new Set<string>();
  #lists: readonly string[] = [];
  #streams: Stream[] = [];
  #waiters: { fulfil: () => void; reject: (error: DrawbridgeError) => void }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isLate = false;
  #count = 0;
  #isPaused = false;
  #isClosed = false;

  constructor(options: ChangeListenerOptions) {
    this.#options = options;
  }

  /** Begins to listen for changes of the lists that the server has promised to tell. */
  begin(discovered: Message): void {
    this.#lists = LISTS.filter((list) => hasCapability(discovered, list, 'listChanged'));
    if (this.#lists.length > 0) this.#open();
  }

  /** Settles when the server tells of this resource; rejects where it does not. */
  async subscribe(uri: string): Promise<void> {
    if (this.#resources.size >= MAX_RESOURCES && !this.#resources.has(uri))
      throw new DrawbridgeError('too_many_pending', `${MAX_RESOURCES} resources are subscribed to already`);
    this.#resources.add(uri);
    try {
      await new Promise<void>((fulfil, reject) => {
        this.#waiters.push({ fulfil, reject });
        this.#open();
      });
    } catch (thrown) {
      this.#resources.delete(uri);
      throw thrown;
    }
  }

  unsubscribe(uri: string): void {
    if (this.#resources.delete(uri)) this.#open();
  }

  pause(): void {
    this.#isPaused = true;
    for (const { transport } of this.#streams) transport.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const { transport } of this.#streams) transport.resume();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#settle(new DrawbridgeError('shutting_down', 'the session was closed'));
    for (const { transport } of this.#streams.splice(0)) void transport.close();
  }

  #open(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    // Of those that do not stand yet, only the newest wants what is wanted now.
    for (const stream of this.#streams.filter(({ isAcknowledged }) => !isAcknowledged)) this.#leave(stream);
    if (this.#lists.length === 0 && this.#resources.size === 0) {
      for (const stream of [...this.#streams]) this.#leave(stream);
      return;
    }
    const wanted: Record<string, unknown> = {};
    for (const list of this.#lists) wanted[`${list}ListChanged`] = true;
    if (this.#resources.size > 0) wanted['resourceSubscriptions'] = [...this.#resources];
    const id = `drawbridge-listen-${++this.#count}`;
    const request = { jsonrpc: '2.0', id, method: 'subscriptions/listen', params: { notifications: wanted } };
    const connected = this.#options.connect(readMessage(Buffer.from(JSON.stringify(request))));
    const stream: Stream = { ...connected, isAcknowledged: false, since: 0 };
    this.#streams.push(stream);
    stream.transport
      .start({
        message: (message) => this.#receive(message, stream),
        error: (error) => this.#options.warn(error),
        end: () => {},
      })
      .then(() => {
        const sent = stream.transport.send(stream.message);
        if (this.#isPaused) stream.transport.pause();
        return sent;
      })
      .catch((thrown: unknown) => this.#ended(stream, toDrawbridgeError(thrown)));
  }

  #receive(message: Message, stream: Stream): void | Promise<void> {
    if (!this.#streams.includes(stream)) return;
    if (message.kind === 'response') this.#ended(stream, message.failure ?? refusalIn(message));
    else if (message.method === ACKNOWLEDGED) this.#acknowledged(stream);
    // The end by a cancellation is of ours, and no request of the client.
    else if (message.method !== 'notifications/cancelled') return this.#options.tell(message);
    else this.#ended(stream, undefined);
  }

  #acknowledged(stream: Stream): void {
    stream.isAcknowledged = true;
    stream.since = performance.now();
    for (const former of this.#streams.filter((other) => other !== stream)) this.#leave(former);
    this.#settle();
    if (this.#isLate) this.#tellMissed();
    this.#isLate = false;
  }

  /** Nobody listened for a while, so that anything may have changed. */
  #tellMissed(): void {
    const tell = (members: string): void =>
      void this.#options.tell(readMessage(Buffer.from(`{"jsonrpc":"2.0",${members}}`)));
    for (const list of this.#lists) tell(`"method":"notifications/${list}/list_changed"`);
    for (const uri of this.#resources)
      tell(`"method":"notifications/resources/updated","params":{"uri":${JSON.stringify(uri)}}`);
  }

  #ended(stream: Stream, error: DrawbridgeError | undefined): void {
    if (!this.#streams.includes(stream)) return;
    this.#leave(stream);
    if (error !== undefined) this.#options.warn(error);
    if (stream.isAcknowledged) this.#isLate = true;
    else this.#settle(error ?? new DrawbridgeError('upstream_lost', 'the server ended the subscription'));
    // While another is there, or the server does not want to be asked, nothing is to be opened.
    if (this.#streams.length > 0 || this.#isClosed || isRefusal(error)) return;
    this.#isLate = true;
    if (stream.isAcknowledged && performance.now() - stream.since > STEADY_MS) this.#backoff.reset();
    this.#timer = setTimeout(() => this.#open(), Math.max(this.#backoff.next(), FIRST_DELAY_MS)).unref();
  }

  #leave(stream: Stream): void {
    this.#streams = this.#streams.filter((other) => other !== stream);
    void stream.transport.close();
  }

  #settle(error?: DrawbridgeError): void {
    for (const { fulfil, reject } of this.#waiters.splice(0)) {
      if (error === undefined) fulfil();
      else reject(error);
    }
  }
}

function refusalIn(answer: Message): DrawbridgeError | undefined {
  const at = findField(answer, ['error', 'message']);
  if (at === undefined) return undefined;
  const why = answer.bytes.toString('utf8', at.start, Math.min(at.end, at.start + 200));
  return new DrawbridgeError('upstream_error', 'the server does not tell of changes', { why, upstreamStatus: 400 });
}

/** Whether it is about the request, so that the same would get the same. */
function isRefusal(error: DrawbridgeError | undefined): boolean {
  const status = error?.upstreamStatus ?? 0;
  return status >= 400 && status < 500 && status !== 429;
}
