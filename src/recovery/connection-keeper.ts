import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Message } from '../message/message.ts';
import type { Route, Transport, TransportEvents } from '../relay/transport.ts';
import { Attempts } from './attempts.ts';
import { Connection } from './connection.ts';
import { HANDSHAKE_TIMEOUT_MS, OwnIds, pingRequest, restoreSession, resumeSession } from './handshake.ts';
import { Liveness } from './liveness.ts';
import type { Outage } from './outage.ts';
import { ownNotification, type SessionMemory } from './session-memory.ts';
import { askForLife, isSilence, PINGS_OF_A_BUSY_SERVER } from './sign-of-life.ts';

export interface ConnectionKeeperOptions {
  /** Makes a transport to the server that has not been started; one for each connection. */
  readonly connect: () => Transport;
  /** The server, as errors and the log call it. */
  readonly where: string;
  readonly logger: Logger;
  /** Values that are masked in what the client is told. */
  readonly secrets?: readonly string[];
  /** How long the server may be silent before it is pinged; 0 for as long as it likes. */
  readonly pingIntervalMs: number;
  readonly pongTimeoutMs: number;
  /** The wall clock; see `Liveness`. */
  readonly now?: () => number;
}

export interface ConnectionKeeperEvents {
  /** Whether the client waits for an answer, so that haste is worth its cost. */
  isAwaited(): boolean;
  /** Messages pass, until `open` is undefined again. */
  up(connection: Connection): void;
  /** The connection is over, and so is what it has taken. */
  lost(connection: Connection, error: DrawbridgeError): void;
  /** The first connection has started; the client may shake hands on it. */
  begun(): void;
  /** A try has failed. */
  failed(outage: Outage): void;
  message(connection: Connection, message: Message, route?: Route): void | Promise<void>;
  error(error: DrawbridgeError): void;
}

const AFTER_SLEEP_TIMEOUT_MS = 5000;

/**
 * Keeps a session connected: makes the first connection, sees when one is lost or silent, and makes another that is the
 * same session again. It never gives up; whoever listens may close it.
 */
export class ConnectionKeeper {
  readonly #options: ConnectionKeeperOptions;
  readonly #memory: SessionMemory;
  readonly #events: ConnectionKeeperEvents;
  readonly #attempts = new Attempts();
  readonly #ids = new OwnIds();
  readonly #liveness: Liveness;
  /** Connections whose session is lost, on which answers may still come. */
  readonly #retired = new Set<Connection>();
  #connection: Connection | undefined;
  #isUp = false;
  #isRecovering = false;
  #isPaused = false;
  #isClosed = false;

  constructor(options: ConnectionKeeperOptions, memory: SessionMemory, events: ConnectionKeeperEvents) {
    this.#options = options;
    this.#memory = memory;
    this.#events = events;
    this.#liveness = new Liveness({
      pingIntervalMs: options.pingIntervalMs,
      heardAt: () => (this.#isPaused || this.open?.isReady !== true ? undefined : this.open.heardAt),
      probe: (isAfterSleep) => this.#probe(isAfterSleep),
      ...(options.now === undefined ? {} : { now: options.now }),
    });
  }

  /** The connection that takes messages; undefined while there is none. */
  get open(): Connection | undefined {
    return this.#isUp ? this.#connection : undefined;
  }

  /** The connection that there is, though it may be under suspicion or not yet established. */
  get current(): Connection | undefined {
    return this.#connection;
  }

  get outage(): Outage | undefined {
    return this.#attempts.outage;
  }

  /** Tries until messages pass; runs once, however many ask for it. */
  async recover(): Promise<void> {
    if (this.#isRecovering) return;
    this.#isRecovering = true;
    while (!this.#isUp && !this.#isClosed) {
      await this.#attempts.nextIsDue(this.#events.isAwaited());
      if (this.#isClosed) break;
      try {
        if (this.#connection === undefined) await this.#connect();
        else await this.#revive(this.#connection);
        this.#goOn();
      } catch (thrown) {
        if (!this.#isClosed) this.#failed(toDrawbridgeError(thrown));
      }
    }
    this.#isRecovering = false;
  }

  /** The next try is made now. */
  hasten(): void {
    this.#attempts.hasten();
  }

  /** Something went wrong that the session may survive: nothing more is sent before the server answers a ping. */
  suspect(connection: Connection, error: DrawbridgeError): void {
    if (connection !== this.open) return;
    if (!connection.isReady && connection.lateAnswer === undefined) {
      // There is no session yet that a ping could find.
      this.lose(connection, error);
      return;
    }
    this.#options.logger.warn(`${error.sentence}; looking whether ${this.#options.where} is there`);
    this.#isUp = false;
    this.#attempts.begin(error);
    void this.recover();
  }

  /** The client has been answered for the server, whose answer now is the first half of a silent handshake. */
  awaitLateAnswer(connection: Connection, initialize: Message, error: DrawbridgeError): void {
    connection.lateAnswer = connection.expect(initialize, HANDSHAKE_TIMEOUT_MS);
    connection.lateAnswer.catch(() => {});
    this.suspect(connection, error);
  }

  /** The session of this connection is over. */
  lose(connection: Connection, error: DrawbridgeError): void {
    if (connection !== this.#connection) return;
    const { where, logger } = this.#options;
    this.#connection = undefined;
    this.#isUp = false;
    connection.fail(error);
    if (connection.isReady) {
      logger.warn(`${error.sentence}; connecting to ${where} again`);
      this.#attempts.begin(error);
    } else this.#failed(error);
    for (const id of connection.serverRequests.values()) {
      const params = `{"requestId":${id},"reason":"the connection to the server was lost"}`;
      this.#events.message(connection, ownNotification('notifications/cancelled', params));
    }
    if (error.code === 'session_lost' && connection.openCount > 0) this.#retired.add(connection);
    else {
      this.#events.lost(connection, error);
      void connection.transport.close();
    }
    void this.recover();
  }

  /** The server has answered the client's own handshake. */
  confirm(connection: Connection): void {
    connection.isReady = true;
    if (connection === this.#connection) this.#attempts.succeed();
  }

  /** One message less is open on the connection; the last closes it where its session is lost. */
  release(connection: Connection): void {
    if (--connection.openCount === 0 && this.#retired.delete(connection)) void connection.transport.close();
  }

  pause(): void {
    this.#isPaused = true;
    this.#connection?.transport.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#connection?.transport.resume();
  }

  async close(error: DrawbridgeError): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#liveness.stop();
    this.#attempts.stop();
    const all = [...this.#retired, ...(this.#connection === undefined ? [] : [this.#connection])];
    for (const connection of all) connection.fail(error);
    await Promise.all(all.map(({ transport }) => transport.close()));
  }

  async #connect(): Promise<void> {
    const connection = new Connection(this.#options.connect(), this.#options.where);
    this.#connection = connection;
    if (this.#isPaused) connection.transport.pause();
    const started = connection.transport.start(this.#eventsFor(connection));
    if (!this.#memory.isInitialized) {
      // The client shakes hands itself; what it says waits in the transport.
      connection.isEstablishing = false;
      started.then(
        () => this.#events.begun(),
        (thrown: unknown) => this.lose(connection, toDrawbridgeError(thrown)),
      );
      return;
    }
    try {
      await started;
      await this.#resumeSession(connection);
      connection.throwIfOver();
      connection.isEstablishing = false;
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      connection.fail(error);
      if (this.#connection === connection) this.#connection = undefined;
      void connection.transport.close();
      throw error;
    }
  }

  #eventsFor(connection: Connection): TransportEvents {
    return {
      message: (message, route) => this.#receive(connection, message, route),
      error: (error) => this.#events.error(error),
      end: (error = new DrawbridgeError('upstream_lost', `${this.#options.where} ended the connection`)) => {
        connection.fail(error);
        if (this.#retired.delete(connection)) this.#events.lost(connection, error);
        else if (!connection.isEstablishing) this.lose(connection, error);
      },
    };
  }

  #receive(connection: Connection, message: Message, route: Route | undefined): void | Promise<void> {
    if (message.kind === 'request') connection.serverRequests.set(message.key!, message.id!);
    else if (message.kind === 'response' && connection.takeAnswer(message)) return;
    return this.#events.message(connection, message, route);
  }

  /** A connection under suspicion: a ping, or the rest of a handshake, tells whether it lives. */
  async #revive(connection: Connection): Promise<void> {
    try {
      if (connection.isReady) await connection.ask(pingRequest(this.#ids), this.#options.pongTimeoutMs);
      else await this.#resumeSession(connection);
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      const isHopeless = !connection.isReady || error.code === 'session_lost' || isSilence(error);
      // Calls that are under way on it would wait for as long as the system sends their last bytes again.
      const isOverdue = (this.outage?.lastedMs ?? 0) >= PINGS_OF_A_BUSY_SERVER * this.#options.pongTimeoutMs;
      if (!isHopeless && !isOverdue) throw error;
      this.lose(connection, error);
    }
  }

  async #resumeSession(connection: Connection): Promise<void> {
    const { where, logger } = this.#options;
    const options = { connection, memory: this.#memory, ids: this.#ids, where, logger };
    const answer = await resumeSession(options);
    // What the client sends next must find the session as it left it, so this goes first; its answers are not awaited.
    const restored = restoreSession(options, answer);
    this.#memory.isProvisional = false;
    restored.then(
      (changes) => {
        for (const change of changes) this.#events.message(connection, change);
      },
      (thrown: unknown) => logger.debug(toDrawbridgeError(thrown).sentence),
    );
  }

  #goOn(): void {
    const connection = this.#connection;
    if (connection === undefined || this.#isClosed) return;
    const { where, logger } = this.#options;
    if (connection.isReady && this.#attempts.outage !== undefined) logger.info(`connected to ${where} again`);
    this.#isUp = true;
    if (connection.isReady) this.#attempts.succeed();
    this.#events.up(connection);
  }

  #failed(error: DrawbridgeError): void {
    const isNews = this.#attempts.outage?.last.sentence !== error.sentence;
    const outage = this.#attempts.fail(error);
    this.#events.failed(outage);
    if (!this.#isClosed) this.#options.logger[isNews ? 'warn' : 'debug'](`${error.sentence}; trying again`);
  }

  #probe(isAfterSleep: boolean): void {
    if (isAfterSleep) this.#attempts.hasten();
    const connection = this.open;
    if (connection?.isReady === true && !this.#isPaused) void this.#check(connection, isAfterSleep);
  }

  async #check(connection: Connection, isAfterSleep: boolean): Promise<void> {
    if (connection.isBeingChecked) return;
    connection.isBeingChecked = true;
    const { pongTimeoutMs } = this.#options;
    const timeoutMs = isAfterSleep ? Math.min(pongTimeoutMs, AFTER_SLEEP_TIMEOUT_MS) : pongTimeoutMs;
    const error = await askForLife(connection, this.#ids, timeoutMs);
    connection.isBeingChecked = false;
    if (error === undefined) return;
    if (isSilence(error) || error.code === 'session_lost') this.lose(connection, error);
    else this.suspect(connection, error);
  }
}
