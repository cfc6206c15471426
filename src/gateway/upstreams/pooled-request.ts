import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import type { Message } from '../../message/message.ts';
import type { Transport, TransportEvents } from '../../relay/transport.ts';
import type { Replica } from './replica.ts';
import { type Lease, MAX_TRIED, type ReplicaPool } from './replica-pool.ts';

/** One request without a session, on whichever replica of a pool takes it. */
export class PooledRequest implements Transport {
  readonly #pool: ReplicaPool;
  readonly #connect: (replica: Replica) => Transport;
  readonly #tried = new Set<Replica>();
  #lease: Lease;
  #transport: Transport;
  #events: TransportEvents | undefined;
  #isClosed = false;

  constructor(pool: ReplicaPool, lease: Lease, connect: (replica: Replica) => Transport) {
    this.#pool = pool;
    this.#connect = connect;
    this.#lease = lease;
    this.#transport = connect(lease.replica);
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return this.#transport.start(events);
  }

  async send(message: Message): Promise<void> {
    while (true) {
      this.#tried.add(this.#lease.replica);
      try {
        await this.#transport.send(message);
        this.#lease.worked();
        return;
      } catch (thrown) {
        const error = toDrawbridgeError(thrown);
        if (this.#isClosed) throw error;
        if (isAway(error)) this.#lease.failed(error);
        const other = error.mayHaveRun || this.#tried.size >= MAX_TRIED ? undefined : this.#otherFor(error);
        if (other === undefined) throw error;
        await this.#moveTo(other);
      }
    }
  }

  pause(): void {
    this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#events = undefined;
    this.#lease.release();
    return this.#transport.close();
  }

  #otherFor({ code }: DrawbridgeError): Lease | undefined {
    return code === 'upstream_unreachable' ? this.#pool.leaseOther(this.#tried) : undefined;
  }

  async #moveTo(lease: Lease): Promise<void> {
    this.#lease.release();
    this.#lease = lease;
    await this.#transport.close();
    if (this.#events === undefined) throw new DrawbridgeError('upstream_lost', 'the request was given up');
    this.#transport = this.#connect(lease.replica);
    await this.#transport.start(this.#events);
  }
}

/** Whether the error speaks of the replica itself: a request of a client's making can have it fail, or take long. */
function isAway({ code, upstreamStatus }: DrawbridgeError): boolean {
  return upstreamStatus === undefined ? code === 'upstream_unreachable' : [502, 503, 504].includes(upstreamStatus);
}
