import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { cancelledKeyOf } from '../message/fields.ts';
import { errorReply, type Message, nameRequest } from '../message/message.ts';
import { PendingRequests } from './pending-requests.ts';
import type { Route, Transport, TransportEvents } from './transport.ts';

export interface RelayOptions {
  readonly logger: Logger;
  /** Open requests in one direction; one more is refused. Default 1024. */
  readonly maxPending?: number;
  /** Told once, when every open request has been answered and before the sides are closed: who ended it, and why. */
  readonly onEnd: (by: 'downstream' | 'upstream' | 'us', error?: DrawbridgeError) => void;
}

export interface Relay {
  /**
   * Settles when both sides have started; rejects, with open requests answered and both sides closed, when one of them
   * cannot start.
   */
  readonly ready: Promise<void>;
  /** Requests from downstream that wait for their answer, without those that were cancelled. */
  readonly pendingCount: number;
  /** Settles when no request from downstream waits for its answer; one that was cancelled does not. */
  whenIdle(): Promise<void>;
  /** Answers what is open with `error`, closes both sides. Idempotent. */
  close(error?: DrawbridgeError): Promise<void>;
}

const DEFAULT_MAX_PENDING = 1024;
/** What was handed to the upstream and not taken: above the first the downstream is paused, below the second resumed. */
const FULL_BYTES = 8 * 1024 * 1024;
const ROOM_BYTES = 4 * 1024 * 1024;

/**
 * Joins one downstream transport to one upstream transport: every message that arrives on one side leaves on the other
 * as the same bytes, and every request from downstream is answered exactly once, if need be by us. Starts the downstream,
 * so that its end is seen from the first moment, then the upstream.
 */
export function join(downstream: Transport, upstream: Transport, options: RelayOptions): Relay {
  return new JoinedTransports(downstream, upstream, options);
}

class JoinedTransports implements Relay {
  readonly #downstream: Transport;
  readonly #upstream: Transport;
  readonly #options: RelayOptions;
  readonly #requests: PendingRequests;
  readonly #serverRequests: PendingRequests;
  readonly ready: Promise<void>;
  #stalledSends = 0;
  #untakenBytes = 0;
  #isDownstreamPaused = false;
  #hasEnded = false;
  #reason: DrawbridgeError | undefined;
  #idleWaiters: (() => void)[] = [];

  constructor(downstream: Transport, upstream: Transport, options: RelayOptions) {
    this.#downstream = downstream;
    this.#upstream = upstream;
    this.#options = options;
    this.#requests = new PendingRequests(options.maxPending ?? DEFAULT_MAX_PENDING);
    this.#serverRequests = new PendingRequests(options.maxPending ?? DEFAULT_MAX_PENDING);
    this.ready = this.#start();
    // Whoever closes it before it was ready need not look at this promise.
    this.ready.catch(() => {});
  }

  get pendingCount(): number {
    return this.#requests.wantedCount;
  }

  async #start(): Promise<void> {
    try {
      await this.#downstream.start(this.#downstreamEvents());
      if (this.#hasEnded) throw new DrawbridgeError('shutting_down', 'the connection was closed before it was open');
      await this.#upstream.start(this.#upstreamEvents());
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      // Where it was closed meanwhile, that is why, and not what the upstream says of being closed.
      const reason = this.#reason ?? error;
      await this.close(error);
      throw reason;
    }
  }

  async close(error?: DrawbridgeError): Promise<void> {
    if (!this.#hasEnded)
      this.#end('us', error ?? new DrawbridgeError('shutting_down', 'the connection is being closed'));
    const upstreamClosed = this.#upstream.close();
    // One turn, in which the downstream answers what the upstream has just refused to take.
    await new Promise((fulfil) => setImmediate(fulfil));
    await Promise.all([this.#downstream.close(), upstreamClosed]);
  }

  whenIdle(): Promise<void> {
    if (this.#requests.wantedCount === 0) return Promise.resolve();
    return new Promise((fulfil) => this.#idleWaiters.push(fulfil));
  }

  #settle(key: string | undefined): boolean {
    const wasPending = this.#requests.settle(key);
    this.#tellIdle();
    return wasPending;
  }

  #tellIdle(): void {
    if (this.#requests.wantedCount > 0 || this.#idleWaiters.length === 0) return;
    for (const fulfil of this.#idleWaiters.splice(0)) fulfil();
  }

  #downstreamEvents(): TransportEvents {
    const { logger } = this.#options;
    return {
      message: (message) => this.#sendUp(message),
      error: (error) => logger.warn({ code: error.code }, `from downstream: ${error.sentence}`),
      end: (error) => this.#end('downstream', error),
    };
  }

  #upstreamEvents(): TransportEvents {
    const { logger } = this.#options;
    return {
      message: (message, route) => this.#sendDown(message, route),
      error: (error) => logger.warn({ code: error.code }, `from upstream: ${error.sentence}`),
      end: (error) => this.#end('upstream', error),
    };
  }

  #sendUp(message: Message): void | Promise<void> {
    if (this.#hasEnded) throw new DrawbridgeError('upstream_lost', 'this session has ended');
    switch (message.kind) {
      case 'request':
        this.#admit(message);
        return this.#sendRequest(message);
      case 'response':
        if (!this.#serverRequests.settle(message.key))
          return this.#drop(message, 'answers no open request of the server');
        break;
      case 'notification':
        if (message.method === 'notifications/cancelled') this.#noteCancelled(message);
    }
    return this.#handUp(message);
  }

  #handUp(message: Message): void | Promise<void> {
    const taken = this.#upstream.send(message);
    if (taken === undefined) return;
    const size = message.bytes.length;
    this.#untakenBytes += size;
    if (this.#untakenBytes > FULL_BYTES && !this.#isDownstreamPaused) {
      this.#isDownstreamPaused = true;
      this.#downstream.pause();
    }
    const settle = (): void => {
      this.#untakenBytes -= size;
      if (!this.#isDownstreamPaused || this.#untakenBytes >= ROOM_BYTES || this.#hasEnded) return;
      this.#isDownstreamPaused = false;
      this.#downstream.resume();
    };
    taken.then(settle, settle);
    return taken;
  }

  #admit(message: Message): void {
    const admission = this.#requests.add(message);
    if (admission === 'duplicate') {
      throw new DrawbridgeError('duplicate_id', `the id ${clip(message.id)} belongs to a request that is still open`);
    }
    if (admission === 'full') {
      throw new DrawbridgeError('too_many_pending', `${this.#requests.size} requests of this session are still open`);
    }
  }

  async #sendRequest(message: Message): Promise<void> {
    try {
      await this.#handUp(message);
    } catch (thrown) {
      // Where the loss of the upstream has answered it already, the failed send has nothing to add.
      if (this.#settle(message.key)) throw thrown;
    }
  }

  #sendDown(message: Message, route: Route | undefined): void {
    if (this.#hasEnded) return;
    if (message.kind === 'response') this.#sendAnswerDown(message, route);
    else if (message.kind === 'invalid' || message.kind === 'batch') this.#drop(message, 'is no JSON-RPC message');
    else if (message.kind === 'request' && this.#serverRequests.add(message) !== 'added') {
      this.#drop(message, 'is one open request of the server too many, or uses an id again');
    } else {
      // The client need not answer any more, and the server may use the id again.
      if (message.method === 'notifications/cancelled') this.#serverRequests.settle(cancelledKeyOf(message));
      this.#deliver(message, route);
    }
  }

  #sendAnswerDown(message: Message, route: Route | undefined): void {
    if (this.#settle(message.key)) {
      this.#deliver(message, route);
      return;
    }
    const meant = message.id === 'null' || message.id === undefined ? this.#requests.only : undefined;
    if (meant === undefined) this.#drop(message, 'answers no open request of the client');
    else this.#deliver(this.#answerForNullId(message, meant), route);
  }

  /** An error that names no request is given to the only one it can mean: JSON-RPC 2.0 §5 has servers do so. */
  #answerForNullId(message: Message, id: string): Message {
    const error = new DrawbridgeError('upstream_error', 'the MCP server answered without an id', {
      why: message.bytes.toString('utf8', 0, 200),
    });
    const answer = nameRequest(message, id) ?? errorReply(id, error);
    this.#settle(answer.key);
    return answer;
  }

  #deliver(message: Message, route?: Route): void {
    const stalled = this.#downstream.send(message, route);
    if (stalled === undefined) return;
    if (this.#stalledSends++ === 0) this.#upstream.pause();
    const settle = (): void => {
      if (--this.#stalledSends === 0 && !this.#hasEnded) this.#upstream.resume();
    };
    stalled.then(settle, settle);
  }

  #noteCancelled(message: Message): void {
    const key = cancelledKeyOf(message);
    if (key === undefined) return;
    this.#requests.cancel(key);
    this.#tellIdle();
  }

  #drop(message: Message, why: string): void {
    this.#options.logger.warn({ id: clip(message.id), bytes: message.bytes.length }, `dropped a message that ${why}`);
  }

  #end(by: 'downstream' | 'upstream' | 'us', error?: DrawbridgeError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#reason = error;
    // An error is made only where it is told: its stack costs more than the rest of a relay for one message.
    if (this.#requests.size > 0)
      this.#failPending(error ?? new DrawbridgeError('upstream_lost', 'the connection was closed'));
    this.#tellIdle();
    this.#options.onEnd(by, error);
    if (by !== 'us') this.close();
  }

  #failPending(error: DrawbridgeError): void {
    for (const id of this.#requests.drain()) this.#downstream.send(errorReply(id, error));
  }
}

function clip(id: string | undefined): string {
  if (id === undefined) return 'undefined';
  return id.length > 64 ? `${id.slice(0, 64)}…` : id;
}
