import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import { cancelledKeyOf } from '../message/fields.ts';
import type { Message } from '../message/message.ts';
import type { Route, Transport, TransportEvents } from '../relay/transport.ts';
import type { Connection } from './connection.ts';
import { ConnectionKeeper, type ConnectionKeeperOptions } from './connection-keeper.ts';
import { HeldMessages } from './held-messages.ts';
import type { Outage } from './outage.ts';
import { Passage } from './passage.ts';
import { provisionalAnswer } from './provisional-answer.ts';
import { isResult, SessionMemory } from './session-memory.ts';
import { isTrouble, lostAnswer } from './trouble.ts';

export interface RecoveryOptions extends ConnectionKeeperOptions {
  /** How long requests wait for a server that is away. */
  readonly holdMs: number;
  /**
   * How long `initialize` may go unanswered by the server; then we answer it. Without it a session begins with a server that
   * is there or not at all: its first failure is its end.
   */
  readonly initializeTimeoutMs?: number;
}

/** A message that servers had in vain this often is not given to another. */
const MAX_REPLAYS = 3;

/**
 * One session with the server over as many connections as it takes. While there is none, messages are held; when one is
 * lost, what surely did not run is given to the next, and the rest is answered with an error at once. It ends only when
 * the server has refused us before the session began.
 */
export class RecoveringUpstream implements Transport {
  readonly #options: RecoveryOptions;
  readonly #memory = new SessionMemory();
  readonly #keeper: ConnectionKeeper;
  readonly #inFlight = new Map<string, Passage>();
  readonly #held = new HeldMessages(() => this.#keeper.outage?.error ?? this.#closedError());
  #events: TransportEvents | undefined;
  #initializeDeadline: NodeJS.Timeout | undefined;
  #begun: { readonly fulfil: () => void; readonly reject: (error: DrawbridgeError) => void } | undefined;
  #count = 0;
  #isClosed = false;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#keeper = new ConnectionKeeper(options, this.#memory, {
      isAwaited: () => this.#held.hasRequest,
      up: () => this.#sendHeld(),
      lost: (connection, error) => this.#failTaken(connection, error),
      begun: () => this.#begun?.fulfil(),
      failed: (outage) => this.#failed(outage),
      message: (connection, message, route) => this.#receive(connection, message, route),
      error: (error) => this.#events?.error(error),
    });
  }

  /** Settles at once where the server need not be there yet. */
  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    void this.#keeper.recover();
    if (this.#options.initializeTimeoutMs !== undefined) return Promise.resolve();
    return new Promise((fulfil, reject) => {
      this.#begun = { fulfil, reject };
    });
  }

  send(message: Message): Promise<void> {
    return new Promise((accept, reject) => {
      this.#take(new Passage(message, this.#count++, accept, reject, this.#answer));
    });
  }

  pause(): void {
    this.#keeper.pause();
  }

  resume(): void {
    this.#keeper.resume();
  }

  async close(): Promise<void> {
    this.#events = undefined;
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#initializeDeadline);
    this.#begun?.reject(this.#closedError());
    this.#held.failAll(this.#closedError());
    await this.#keeper.close(this.#closedError());
  }

  readonly #answer = (reply: Message): void => void this.#events?.message(reply);

  #take(passage: Passage): void {
    const { message } = passage;
    if (this.#isClosed) {
      passage.fail(this.#closedError());
      return;
    }
    if (message.kind === 'response') {
      this.#answerServer(passage);
      return;
    }
    const { open } = this.#keeper;
    if (message.method === 'initialize') this.#expectInitialize(passage);
    if (open !== undefined) this.#forward(passage, open);
    else if (!this.#isNeedless(passage)) {
      this.#hold(passage);
      this.#keeper.hasten();
    }
  }

  /** Whether a server that is away need never hear of it; then it is accepted. */
  #isNeedless(passage: Passage): boolean {
    const { method } = passage.message;
    // The handshake that makes the next connection says it.
    const isSaidByUs = method === 'notifications/initialized' && this.#memory.isInitialized && !this.#keeper.current;
    if (!isSaidByUs && !(method === 'notifications/cancelled' && this.#cancelHeld(passage.message))) return false;
    passage.accept();
    return true;
  }

  /** An answer goes only to the connection that asked: on another, its id may mean another question. */
  #answerServer(passage: Passage): void {
    const connection = this.#keeper.current;
    if (connection?.serverRequests.delete(passage.message.key ?? '') !== true) {
      passage.accept();
      return;
    }
    Promise.resolve(connection.transport.send(passage.message)).then(
      () => passage.accept(),
      (thrown: unknown) => passage.fail(toDrawbridgeError(thrown)),
    );
  }

  /** Whether there is nothing to tell the server. */
  #cancelHeld(cancellation: Message): boolean {
    const key = cancelledKeyOf(cancellation);
    if (key === undefined || this.#inFlight.has(key)) return false;
    const held = this.#held.find(key);
    if (held !== undefined) {
      this.#held.remove(held);
      held.fail(new DrawbridgeError('cancelled', 'the request was cancelled before it was sent'));
    }
    return true;
  }

  #forward(passage: Passage, connection: Connection): void {
    const { message } = passage;
    if (connection.isOurHandshake && message.method === 'notifications/initialized') {
      passage.accept();
      return;
    }
    passage.connection = connection;
    passage.isTaken = false;
    if (message.kind === 'request') this.#inFlight.set(message.key!, passage);
    connection.openCount++;
    const sent = connection.transport.send(message);
    if (sent === undefined) this.#taken(passage);
    else {
      sent.then(
        () => this.#taken(passage),
        (thrown: unknown) => this.#notTaken(passage, connection, toDrawbridgeError(thrown)),
      );
    }
  }

  #taken(passage: Passage): void {
    passage.isTaken = true;
    passage.accept();
    if (passage.message.kind !== 'request') this.#release(passage);
  }

  /** The message did not arrive, or the server would not have it. */
  #notTaken(passage: Passage, connection: Connection, error: DrawbridgeError): void {
    this.#release(passage);
    const isUnknownSession = error.code === 'session_lost';
    const isFirst = passage.message.method === 'initialize' && !connection.isReady;
    if (!passage.isOver) {
      if (error.mayHaveRun || isUnknownSession) passage.replays++;
      const mayGoAgain = isUnknownSession || (isTrouble(error) && (!error.mayHaveRun || passage.isSafe));
      if (!this.#isClosed && (isFirst || (mayGoAgain && passage.replays < MAX_REPLAYS)))
        this.#sendAgain(passage, connection);
      else passage.fail(error);
    }
    if (isUnknownSession || isFirst) this.#keeper.lose(connection, error);
    else if (isTrouble(error)) this.#keeper.suspect(connection, error);
  }

  #release(passage: Passage): void {
    const { message, connection } = passage;
    if (message.kind === 'request' && this.#inFlight.get(message.key!) === passage) this.#inFlight.delete(message.key!);
    if (connection === undefined) return;
    passage.connection = undefined;
    this.#keeper.release(connection);
  }

  /** The next connection may be there already, where this one was retired. */
  #sendAgain(passage: Passage, after: Connection): void {
    const { open } = this.#keeper;
    if (open === undefined || open === after) this.#hold(passage);
    else this.#forward(passage, open);
  }

  /** It may wait once, however many connections it takes; `initialize` has a time of its own. */
  #hold(passage: Passage): void {
    if (passage.message.method !== 'initialize') passage.holdUntil ??= performance.now() + this.#options.holdMs;
    this.#held.add(passage);
  }

  #sendHeld(): void {
    for (const passage of this.#held.takeAll()) {
      const { open } = this.#keeper;
      if (open === undefined) this.#hold(passage);
      else this.#forward(passage, open);
    }
  }

  #receive(connection: Connection, message: Message, route: Route | undefined): void | Promise<void> {
    const passage = message.kind === 'response' ? this.#inFlight.get(message.key ?? '') : undefined;
    if (passage !== undefined && passage.connection === connection) {
      if (message.failure !== undefined && isTrouble(message.failure)) {
        this.#unanswered(passage, connection, message.failure);
        this.#keeper.suspect(connection, message.failure);
        return;
      }
      this.#release(passage);
      passage.isOver = true;
      this.#memory.noteAnswer(passage.message, message);
      if (passage.message.method === 'initialize') {
        clearTimeout(this.#initializeDeadline);
        if (isResult(message)) this.#keeper.confirm(connection);
      }
    }
    return this.#events?.message(message, route);
  }

  /** The server has taken the request, and will not answer it. */
  #unanswered(passage: Passage, connection: Connection, error: DrawbridgeError): void {
    this.#release(passage);
    if (passage.isSafe && ++passage.replays < MAX_REPLAYS) this.#sendAgain(passage, connection);
    else passage.fail(lostAnswer(this.#options.where, error));
  }

  /** What the connection has taken may have run. What it has not taken comes back as not taken. */
  #failTaken(connection: Connection, error: DrawbridgeError): void {
    for (const passage of [...this.#inFlight.values()]) {
      if (passage.connection === connection && passage.isTaken) this.#unanswered(passage, connection, error);
    }
  }

  #expectInitialize(passage: Passage): void {
    const { initializeTimeoutMs: afterMs } = this.#options;
    this.#memory.noteInitialize(passage.message);
    clearTimeout(this.#initializeDeadline);
    if (afterMs === undefined) return;
    this.#initializeDeadline = setTimeout(() => this.#answerInitialize(passage, afterMs), afterMs);
  }

  /** The client would give up: it is told how things are, and goes on when the server is there. */
  #answerInitialize(passage: Passage, afterMs: number): void {
    const { where, logger } = this.#options;
    const late = `${where} has not answered initialize within ${afterMs / 1000} s`;
    const error = this.#keeper.outage?.error ?? new DrawbridgeError('upstream_timeout', late);
    logger.warn(`initialize is answered without the server: ${error.sentence}`);
    this.#memory.isInitialized = true;
    this.#memory.isProvisional = true;
    this.#held.remove(passage);
    const { connection } = passage;
    this.#release(passage);
    passage.accept();
    passage.isOver = true;
    this.#answer(provisionalAnswer(passage.message, error, this.#options.secrets ?? []));
    if (connection !== undefined) this.#keeper.awaitLateAnswer(connection, passage.message, error);
  }

  #failed(outage: Outage): void {
    const { isInitialized } = this.#memory;
    if (!isInitialized && this.#options.initializeTimeoutMs === undefined) this.#failToBegin(outage.last);
    else if (!outage.isPermanent(isInitialized)) return;
    else if (isInitialized) this.#held.failAll(outage.error);
    else {
      this.#events?.end(outage.last);
      this.#held.failAll(outage.last);
      void this.close();
    }
  }

  /** What was sent fails before the session ends, so that whoever brought it answers. */
  #failToBegin(error: DrawbridgeError): void {
    const events = this.#events;
    this.#begun?.reject(error);
    this.#held.failAll(error);
    void this.close();
    setImmediate(() => events?.end(error));
  }

  #closedError(): DrawbridgeError {
    return new DrawbridgeError('upstream_lost', `the connection to ${this.#options.where} is closed`);
  }
}
