import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import { findField } from '../../message/fields.ts';
import { errorReply, type Message, protocolVersionOf, readMessage } from '../../message/message.ts';
import type { Route, Transport, TransportEvents } from '../../relay/transport.ts';
import { methodsAfter, NEWEST_WITH_SESSIONS } from './method-revisions.ts';

export interface SessionOrderOptions {
  /** How long a message may wait for the end of the handshake, in milliseconds. Default 60 000. */
  readonly holdTimeoutMs?: number;
}

export interface OrderedTransport extends Transport {
  /** Whether the server has yet to answer initialize. */
  readonly isOpening: boolean;
}

const DEFAULT_HOLD_TIMEOUT_MS = 60_000;
/** Messages of one session that wait for the end of the handshake, and their bytes; more are refused. */
const MAX_HELD = 64;
const MAX_HELD_BYTES = 4 * 1024 * 1024;

const INITIALIZED = readMessage(Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}'));

/** `answered`: the server has answered initialize; `announcing`: it is being told `notifications/initialized`. */
type Phase = 'new' | 'initializing' | 'answered' | 'announcing' | 'open';

/**
 * Keeps from the server of a session what comes before its time or after its revision. Python's `mcp` 1.6.0 ends a
 * session without a word for a request that precedes `notifications/initialized` or has an unknown method.
 *
 * - Before initialize, requests are answered here: ping as the server would, any other with an error.
 * - From initialize until the server has taken `notifications/initialized`, messages wait, then go on in their order. A
 *   client that sends a request after the answer to initialize is plainly ready, so the server is told so for it and
 *   nothing waits for a notification that may never come; the client's own, when it comes, goes nowhere.
 * - A second initialize, and methods that came after the revision agreed upon, are answered with an error.
 */
export function keepSessionOrder(transport: Transport, options: SessionOrderOptions = {}): OrderedTransport {
  return new OrderedSession(transport, options);
}

class OrderedSession implements OrderedTransport {
  readonly #transport: Transport;
  readonly #holdTimeoutMs: number;
  #events: TransportEvents | undefined;
  #phase: Phase = 'new';
  #initializeKey: string | undefined;
  /** The client's `notifications/initialized`, where it did not wait for the answer. */
  #announcement: Message | undefined;
  #held: Message[] = [];
  #heldBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #unknownMethods: ReadonlySet<string | undefined> = new Set(methodsAfter(NEWEST_WITH_SESSIONS));
  /** What does not go on once the session is open. */
  #kept: ReadonlySet<string | undefined> = new Set();

  constructor(transport: Transport, { holdTimeoutMs = DEFAULT_HOLD_TIMEOUT_MS }: SessionOrderOptions) {
    this.#transport = transport;
    this.#holdTimeoutMs = holdTimeoutMs;
  }

  get heardAt(): number {
    return this.#transport.heardAt ?? 0;
  }

  get isOpening(): boolean {
    return this.#phase === 'new' || this.#phase === 'initializing';
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return this.#transport.start({
      message: (message, route) =>
        this.#phase === 'initializing' && this.#isAnswerToInitialize(message)
          ? this.#takeAnswer(message, route)
          : events.message(message, route),
      error: (error) => events.error(error),
      end: (error) => {
        this.#forget();
        events.end(error);
      },
    });
  }

  send(message: Message, route?: Route): void | Promise<void> {
    if (this.#phase === 'open' && !this.#kept.has(message.method)) return this.#transport.send(message, route);
    if (message.kind === 'request') return this.#takeRequest(message);
    if (message.kind === 'notification') return this.#takeNotification(message);
    return this.#transport.send(message, route);
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  close(): Promise<void> {
    this.#forget();
    return this.#transport.close();
  }

  #takeRequest(message: Message): void | Promise<void> {
    const { method } = message;
    if (method === 'initialize') {
      if (this.#phase === 'new') return this.#initialize(message);
      this.#refuse(
        message,
        new DrawbridgeError('invalid_request', 'this session is initialized already', { hint: AGAIN }),
      );
    } else if (this.#unknownMethods.has(method)) {
      const why = 'the MCP server speaks an older revision';
      this.#refuse(message, new DrawbridgeError('method_not_found', `there is no method ${method}`, { why }));
    } else if (method === 'ping') {
      this.#answer(readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${message.id},"result":{}}`)));
    } else if (this.#phase === 'new') this.#refuse(message, notInitialized());
    else {
      this.#hold(message);
      if (this.#phase === 'answered') this.#announce(INITIALIZED).catch(() => {});
    }
  }

  #takeNotification(message: Message): void | Promise<void> {
    if (message.method !== 'notifications/initialized') {
      if (this.#phase === 'open') return this.#transport.send(message);
      if (this.#phase !== 'new') this.#hold(message);
    } else if (this.#phase === 'initializing') this.#announcement ??= message;
    else if (this.#phase === 'answered') return this.#announce(message);
  }

  #initialize(message: Message): void | Promise<void> {
    this.#phase = 'initializing';
    this.#initializeKey = message.key;
    const fail = (thrown: unknown): never => {
      if (this.#phase === 'initializing') this.#startAnew(toDrawbridgeError(thrown));
      throw thrown;
    };
    try {
      return this.#transport.send(message)?.catch(fail);
    } catch (thrown) {
      fail(thrown);
    }
  }

  /** An answer without an id can mean nothing else, for nothing else is under way. */
  #isAnswerToInitialize({ kind, key, id }: Message): boolean {
    return kind === 'response' && (key === this.#initializeKey || id === undefined || id === 'null');
  }

  #takeAnswer(message: Message, route: Route | undefined): void | Promise<void> {
    const hasFailed = findField(message, ['error']) !== undefined;
    if (!hasFailed) {
      this.#phase = 'answered';
      const later = methodsAfter(protocolVersionOf(message) ?? NEWEST_WITH_SESSIONS);
      this.#unknownMethods = new Set(later);
      this.#kept = new Set([...later, 'initialize', 'notifications/initialized']);
    }
    const taken = this.#events?.message(message, route);
    if (hasFailed) this.#startAnew(notInitialized());
    else if (this.#announcement !== undefined || this.#held.some(({ kind }) => kind === 'request'))
      this.#announce(this.#announcement ?? INITIALIZED).catch(() => {});
    return taken;
  }

  /** Tells the server that the client is ready, then what has waited for that. */
  async #announce(message: Message): Promise<void> {
    this.#phase = 'announcing';
    try {
      await this.#transport.send(message);
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      // A server that does not want the notification may want what follows it.
      if (isRefusal(error)) this.#open();
      else {
        // The next request tries it again.
        this.#phase = 'answered';
        this.#failHeld(error);
      }
      throw thrown;
    }
    this.#open();
  }

  #open(): void {
    this.#phase = 'open';
    for (const held of this.#takeHeld()) this.#sendHeld(held).catch((thrown: unknown) => this.#failOne(held, thrown));
  }

  async #sendHeld(message: Message): Promise<void> {
    await this.#transport.send(message);
  }

  #startAnew(error: DrawbridgeError): void {
    this.#phase = 'new';
    this.#announcement = undefined;
    this.#failHeld(error);
  }

  #hold(message: Message): void {
    const size = message.bytes.length;
    if (this.#held.length >= MAX_HELD || this.#heldBytes + size > MAX_HELD_BYTES) {
      this.#failOne(message, new DrawbridgeError('too_many_pending', 'too much waits for the answer to initialize'));
      return;
    }
    this.#held.push(message);
    this.#heldBytes += size;
    this.#timer ??= setTimeout(() => {
      const time = `${this.#holdTimeoutMs / 1000} s`;
      this.#failHeld(new DrawbridgeError('upstream_timeout', `the MCP server was not initialized within ${time}`));
    }, this.#holdTimeoutMs).unref();
  }

  #takeHeld(): readonly Message[] {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#heldBytes = 0;
    return this.#held.splice(0);
  }

  #failHeld(error: DrawbridgeError): void {
    for (const message of this.#takeHeld()) this.#failOne(message, error);
  }

  #failOne(message: Message, thrown: unknown): void {
    if (message.kind === 'request') this.#refuse(message, toDrawbridgeError(thrown));
  }

  #refuse(request: Message, error: DrawbridgeError): void {
    this.#answer(errorReply(request.id, error));
  }

  #answer(message: Message): void {
    this.#events?.message(message);
  }

  #forget(): void {
    this.#events = undefined;
    this.#takeHeld();
  }
}

const AGAIN = 'Open a new session to initialize again.';

function isRefusal({ code, upstreamStatus = 0 }: DrawbridgeError): boolean {
  return code === 'upstream_error' && upstreamStatus >= 400 && upstreamStatus < 500 && upstreamStatus !== 429;
}

function notInitialized(): DrawbridgeError {
  return new DrawbridgeError('invalid_request', 'the session is not initialized', { hint: 'Send initialize first.' });
}
