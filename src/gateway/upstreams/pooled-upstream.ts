import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import type { Message } from '../../message/message.ts';
import type { Transport, TransportEvents } from '../../relay/transport.ts';
import type { UpstreamKind } from '../../upstream/detection.ts';
import { isReplicaTrouble, type Replica } from './replica.ts';
import { type Lease, MAX_TRIED, type ReplicaPool } from './replica-pool.ts';
import type { HeldStream, StreamHold } from './stream-hold.ts';

/** How long a replica may take to accept a connection where another could have it. */
const HASTY_CONNECT_TIMEOUT_MS = 5000;
/** How long it may take to open its event stream, or to answer `initialize`, there: clients wait for 60 s and less. */
const HASTY_OPEN_TIMEOUT_MS = 10_000;

/** How a replica is reached this time. */
export interface WayToReplica {
  readonly connectTimeoutMs: number;
  readonly onDetected: (kind: 'sse' | 'http') => void;
}

export interface PooledUpstreamOptions {
  readonly pool: ReplicaPool;
  /** For one address, as configured. */
  readonly connectTimeoutMs: number;
  /** Makes the transport to a replica. */
  readonly connect: (replica: Replica, way: WayToReplica) => Transport;
  /** Whether the replica takes connections; rejects where it does not. */
  readonly reach: (url: URL, signal: AbortSignal) => Promise<void>;
  /** Given where the client waits for an event stream, which is held while no replica is there. */
  readonly hold: StreamHold | undefined;
  /** How long a replica that says nothing is waited for where another is in service. Default 10 000. */
  readonly hastyOpenTimeoutMs?: number;
}

interface Attempt {
  readonly lease: Lease;
  readonly transport: Transport;
  /** What the replica speaks, as far as this attempt knows. */
  kind: UpstreamKind;
  /** Whether the session stands on this replica, where it stays. */
  isOpen: boolean;
  /** How it ended before that was known. */
  earlyEnd: { readonly error: DrawbridgeError | undefined } | undefined;
}

/**
 * One session on one replica of a pool. Until it stands, a replica that fails is left for another: over legacy SSE a
 * session stands with its stream, over Streamable HTTP with its first message that was accepted, which is given to
 * another replica only if it surely did not run or is `initialize`.
 */
export class PooledUpstream implements Transport {
  readonly #options: PooledUpstreamOptions;
  readonly #closing = new AbortController();
  #tried = new Set<Replica>();
  #events: TransportEvents | undefined;
  #attempt: Attempt | undefined;
  /** The tries to begin; settles with the last. */
  #beginning: Promise<void> | undefined;
  #isPaused = false;

  constructor(options: PooledUpstreamOptions) {
    this.#options = options;
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    this.#beginning = this.#beginInTime();
    return this.#beginning;
  }

  send(message: Message): void | Promise<void> {
    const attempt = this.#attempt;
    if (attempt?.isOpen !== true) return this.#sendFirst(message);
    const taken = attempt.transport.send(message);
    taken?.catch((thrown: unknown) => this.#noteRefusal(attempt, toDrawbridgeError(thrown)));
    return taken;
  }

  get heardAt(): number {
    return this.#attempt?.transport.heardAt ?? 0;
  }

  pause(): void {
    this.#isPaused = true;
    this.#attempt?.transport.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#attempt?.transport.resume();
  }

  async close(): Promise<void> {
    this.#events = undefined;
    this.#closing.abort();
    this.#attempt?.lease.release();
    await this.#attempt?.transport.close();
  }

  async #beginInTime(): Promise<void> {
    const held = this.#options.hold?.begin();
    try {
      while (true) {
        try {
          await this.#begin(held);
          return;
        } catch (thrown) {
          const error = toDrawbridgeError(thrown);
          const { signal } = this.#closing;
          const mayTryAgain = (await held?.mayTryAgain(error, signal)) === true;
          if (signal.aborted) throw new DrawbridgeError('shutting_down', 'the session was closed before it was open');
          if (!mayTryAgain) throw error;
          this.#tried = new Set();
        }
      }
    } finally {
      held?.end();
    }
  }

  /** On one replica after the other. */
  async #begin(held: HeldStream | undefined): Promise<void> {
    while (true) {
      const attempt = this.#nextAttempt(held);
      try {
        await this.#whileWorthWaiting(attempt, attempt.transport.start(this.#eventsFor(attempt)));
        // A session over Streamable HTTP begins with its first message; a stream is opened for a server that is there.
        if (attempt.kind === 'sse') this.#open(attempt);
        else if (held !== undefined) await this.#options.reach(attempt.lease.url, this.#closing.signal);
        return;
      } catch (thrown) {
        const error = toDrawbridgeError(thrown);
        this.#giveUp(attempt, error);
        if (!this.#mayMoveOn(error)) throw error;
      }
    }
  }

  #nextAttempt(held: HeldStream | undefined): Attempt {
    const { pool, connect, connectTimeoutMs } = this.#options;
    const lease = pool.leaseOther(this.#tried) ?? pool.lease();
    this.#tried.add(lease.replica);
    const hastyMs = pool.hasOther(this.#tried) ? HASTY_CONNECT_TIMEOUT_MS : connectTimeoutMs;
    const heldMs = held === undefined || held.leftMs === 0 ? connectTimeoutMs : held.leftMs;
    const transport = connect(lease.replica, {
      connectTimeoutMs: Math.ceil(Math.min(connectTimeoutMs, hastyMs, heldMs)),
      onDetected: (kind) => {
        attempt.kind = kind;
        lease.replica.kind = kind;
      },
    });
    if (this.#isPaused) transport.pause();
    const attempt: Attempt = { lease, transport, kind: lease.replica.kind, isOpen: false, earlyEnd: undefined };
    this.#attempt = attempt;
    return attempt;
  }

  async #sendFirst(message: Message): Promise<void> {
    while (true) {
      const attempt = this.#attempt;
      if (attempt === undefined) throw new DrawbridgeError('upstream_lost', 'the connection is not open');
      try {
        const sent = attempt.transport.send(message);
        await (message.method === 'initialize' ? this.#whileWorthWaiting(attempt, sent) : sent);
        this.#open(attempt);
        return;
      } catch (thrown) {
        const error = toDrawbridgeError(thrown);
        // What is sent while the session begins fails with it, and may go to where it began at last.
        await this.#beginning;
        if (attempt === this.#attempt) {
          if (attempt.isOpen || this.#closing.signal.aborted) throw error;
          attempt.lease.failed(error);
          if (!isRepeatable(message, error) || !this.#mayMoveOn(error)) throw error;
          this.#giveUp(attempt, error);
          this.#beginning = this.#begin(undefined);
          await this.#beginning;
        } else if (!isRepeatable(message, error)) throw error;
      }
    }
  }

  /** Rejects with `upstream_timeout` where the replica takes so long that another is to have the session. */
  async #whileWorthWaiting({ lease }: Attempt, work: void | Promise<void>): Promise<void> {
    const { pool, hastyOpenTimeoutMs = HASTY_OPEN_TIMEOUT_MS } = this.#options;
    if (work === undefined || !pool.hasOther(this.#tried)) return work;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_fulfil, reject) => {
      timer = setTimeout(() => {
        const error = `${lease.url.host} did not begin a session within ${hastyOpenTimeoutMs / 1000} s`;
        reject(new DrawbridgeError('upstream_timeout', error, { mayHaveRun: true }));
      }, hastyOpenTimeoutMs);
    });
    try {
      await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #mayMoveOn(error: DrawbridgeError): boolean {
    const maxTried = Math.min(this.#options.pool.size, MAX_TRIED);
    return !this.#closing.signal.aborted && isReplicaTrouble(error) && this.#tried.size < maxTried;
  }

  #open(attempt: Attempt): void {
    if (attempt.isOpen || attempt !== this.#attempt) return;
    attempt.isOpen = true;
    attempt.lease.worked();
    if (attempt.earlyEnd !== undefined) this.#end(attempt, attempt.earlyEnd.error);
  }

  #giveUp({ lease, transport }: Attempt, error: DrawbridgeError): void {
    if (!this.#closing.signal.aborted) lease.failed(error);
    lease.release();
    void transport.close();
  }

  /** A replica that refuses connections has forgotten its sessions, so this one is over. */
  #noteRefusal(attempt: Attempt, error: DrawbridgeError): void {
    if (error.code !== 'upstream_unreachable' || this.#closing.signal.aborted) return;
    attempt.lease.failed(error);
    this.#end(attempt, error);
  }

  #eventsFor(attempt: Attempt): TransportEvents {
    return {
      message: (message, route) => this.#events?.message(message, route),
      error: (error) => this.#events?.error(error),
      end: (error) => {
        if (attempt.isOpen) this.#end(attempt, error);
        else attempt.earlyEnd = { error };
      },
    };
  }

  #end(attempt: Attempt, error: DrawbridgeError | undefined): void {
    attempt.lease.release();
    const events = this.#events;
    this.#events = undefined;
    events?.end(error);
  }
}

/** Whether another replica may have the message after one that failed with it. */
function isRepeatable(message: Message, error: DrawbridgeError): boolean {
  return !error.mayHaveRun || message.method === 'initialize';
}
