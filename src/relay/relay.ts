import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { errorReply, type Message } from '../message/message.ts';
import { PendingRequests } from './pending-requests.ts';
import type { Route, Transport, TransportEvents } from './transport.ts';

export interface RelayOptions {
  readonly logger: Logger;
  /** Open requests in one direction; one more is refused. Default 1024. */
  readonly maxPending?: number;
  /** Told once, when either side has ended and every open request has been answered. */
  readonly onEnd: (side: 'downstream' | 'upstream', error?: DrawbridgeError) => void;
}

export interface Relay {
  /** Requests from downstream that wait for their answer. */
  readonly pendingCount: number;
  /** Answers what is open with `error`, closes both sides. Idempotent. */
  close(error?: DrawbridgeError): Promise<void>;
}

const DEFAULT_MAX_PENDING = 1024;

/**
 * Joins one downstream transport to one upstream transport: every message that arrives on one side leaves on the other
 * as the same bytes, and every request from downstream is answered exactly once, if need be by us. Starts the downstream,
 * so that its end is seen from the first moment, then the upstream; rejects, with open requests answered and both sides
 * closed, when one of them cannot start.
 */
export async function join(downstream: Transport, upstream: Transport, options: RelayOptions): Promise<Relay> {
  const relay = new JoinedTransports(downstream, upstream, options);
  await relay.start();
  return relay;
}

class JoinedTransports implements Relay {
  readonly #downstream: Transport;
  readonly #upstream: Transport;
  readonly #options: RelayOptions;
  readonly #requests: PendingRequests;
  readonly #serverRequests: PendingRequests;
  #stalledSends = 0;
  #hasEnded = false;

  constructor(downstream: Transport, upstream: Transport, options: RelayOptions) {
    this.#downstream = downstream;
    this.#upstream = upstream;
    this.#options = options;
    this.#requests = new PendingRequests(options.maxPending ?? DEFAULT_MAX_PENDING);
    this.#serverRequests = new PendingRequests(options.maxPending ?? DEFAULT_MAX_PENDING);
  }

  get pendingCount(): number {
    return this.#requests.size;
  }

  async start(): Promise<void> {
    try {
      await this.#downstream.start(this.#downstreamEvents());
      await this.#upstream.start(this.#upstreamEvents());
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      await this.close(error);
      throw error;
    }
  }

  async close(error?: DrawbridgeError): Promise<void> {
    if (!this.#hasEnded) {
      this.#hasEnded = true;
      this.#failPending(error ?? new DrawbridgeError('shutting_down', 'the connection is being closed'));
    }
    await Promise.all([this.#downstream.close(), this.#upstream.close()]);
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
        return this.#sendRequest(message);
      case 'response':
        if (!this.#serverRequests.settle(message.key)) return this.#drop(message, 'answers no open request of the server');
        break;
      case 'notification':
        if (message.method === 'notifications/cancelled') this.#noteCancelled(message);
    }
    return this.#upstream.send(message);
  }

  #sendRequest(message: Message): Promise<void> {
    const admission = this.#requests.add(message);
    if (admission === 'duplicate') {
      throw new DrawbridgeError('duplicate_id', `the id ${clip(message.id)} belongs to a request that is still open`);
    }
    if (admission === 'full') {
      throw new DrawbridgeError('too_many_pending', `${this.#requests.size} requests of this session are still open`);
    }
    const sent = this.#upstream.send(message);
    if (sent === undefined) return Promise.resolve();
    return sent.catch((thrown: unknown) => {
      // Where the loss of the upstream has answered it already, the failed send has nothing to add.
      if (this.#requests.settle(message.key)) throw thrown;
    });
  }

  #sendDown(message: Message, route: Route | undefined): void {
    if (this.#hasEnded) return;
    let outgoing = message;
    if (message.kind === 'response' && !this.#requests.settle(message.key)) {
      const meant = message.id === 'null' || message.id === undefined ? this.#requests.only : undefined;
      if (meant === undefined) return this.#drop(message, 'answers no open request of the client');
      outgoing = this.#answerForNullId(message, meant);
    } else if (message.kind === 'request' && this.#serverRequests.add(message) !== 'added') {
      return this.#drop(message, 'is one open request of the server too many, or uses an id again');
    } else if (message.kind === 'invalid' || message.kind === 'batch') {
      return this.#drop(message, 'is no JSON-RPC message');
    }
    this.#deliver(outgoing, route);
  }

  /** An error that names no request is given to the only one it can mean: JSON-RPC 2.0 §5 has servers do so. */
  #answerForNullId(message: Message, id: string): Message {
    const error = new DrawbridgeError('upstream_error', 'the MCP server answered without an id', {
      why: message.bytes.toString('utf8', 0, 200),
    });
    const answer = errorReply(id, error);
    this.#requests.settle(answer.key);
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
    try {
      const parsed = JSON.parse(message.bytes.toString()) as { params?: { requestId?: unknown } };
      const id = parsed.params?.requestId;
      if (typeof id === 'string' || typeof id === 'number') this.#requests.cancel(JSON.stringify(id));
    } catch {
      // The upstream judges it; here it only would have made room in a table.
    }
  }

  #drop(message: Message, why: string): void {
    this.#options.logger.warn({ id: clip(message.id), bytes: message.bytes.length }, `dropped a message that ${why}`);
  }

  #end(side: 'downstream' | 'upstream', error?: DrawbridgeError): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    if (side === 'upstream') {
      this.#failPending(error ?? new DrawbridgeError('upstream_lost', 'the MCP server closed the connection'));
    }
    const other = side === 'upstream' ? this.#downstream : this.#upstream;
    other.close().then(() => this.#options.onEnd(side, error));
  }

  #failPending(error: DrawbridgeError): void {
    for (const id of this.#requests.drain()) this.#downstream.send(errorReply(id, error));
  }
}

function clip(id: string | undefined): string {
  if (id === undefined) return 'undefined';
  return id.length > 64 ? `${id.slice(0, 64)}…` : id;
}
