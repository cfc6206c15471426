import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { LEGACY_VERSIONS } from '../message/era.ts';
import { findField } from '../message/fields.ts';
import { type Message, nameRequest, readMessage } from '../message/message.ts';
import type { Transport } from '../relay/transport.ts';
import { toLegacy } from './to-legacy.ts';
import { progressIdOf } from './to-modern.ts';

export interface LegacySessionOptions {
  /** A transport to the legacy server, not started yet. */
  readonly transport: Transport;
  /** Who the client says it is: the JSON text of an Implementation. */
  readonly clientInfo: string;
  readonly logger: Logger;
  /** How long the server may take to answer `initialize`. */
  readonly initializeTimeoutMs: number;
}

/** Who waits for the answer to one request. */
export interface Call {
  answer(message: Message): void;
  /** With the client's own token. */
  progress(notification: Message, token: string): void;
  /** The answer will not come. */
  fail(error: DrawbridgeError): void;
}

/** Who hears what concerns no single request. */
export interface SessionListener {
  /** A notification of the server, but progress. */
  hear(notification: Message): void;
  /** The session is over. */
  end(): void;
}

/** Of a session that many requests share. */
const MAX_OPEN_CALLS = 1024;
const INITIALIZED = readMessage(Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}'));

interface OpenCall {
  readonly call: Call;
  readonly progressToken: string | undefined;
  /** Whether the server has it. */
  isTaken: boolean;
}

/**
 * A session with a legacy server that the modern requests of one principal share. We are its client: it is told of no
 * capabilities, so it asks nothing of the clients, and each request goes under an id of ours.
 */
export class LegacySession {
  readonly #options: LegacySessionOptions;
  readonly #calls = new Map<number, OpenCall>();
  readonly #listeners = new Set<SessionListener>();
  readonly #subscriptions = new Map<string, number>();
  /** The answer to `initialize`; rejects where there is no session. */
  readonly ready: Promise<Message>;
  /** Why it is over; undefined while it is not. */
  #over: DrawbridgeError | undefined;
  readonly #ended: Promise<void>;
  #setEnded: () => void = () => {};
  #nextId = 1;

  constructor(options: LegacySessionOptions) {
    this.#options = options;
    this.#ended = new Promise((fulfil) => {
      this.#setEnded = fulfil;
    });
    this.ready = this.#open();
    this.ready.catch(() => {});
  }

  get isOver(): boolean {
    return this.#over !== undefined;
  }

  /** Settles when the session is over. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /**
   * Sends a request of a client. Gives what cancels it; rejects, with `mayHaveRun` where it may, when it could not be
   * sent, and then `call` hears nothing.
   */
  async call(request: Message, call: Call): Promise<() => void> {
    await this.ready;
    if (this.#over !== undefined) throw this.#over;
    if (this.#calls.size >= MAX_OPEN_CALLS)
      throw new DrawbridgeError('too_many_pending', `${MAX_OPEN_CALLS} requests to this server are still open`);
    const id = this.#nextId++;
    const { message, progressToken } = toLegacy(request, id);
    const open = { call, progressToken, isTaken: false };
    this.#calls.set(id, open);
    try {
      await this.#options.transport.send(message);
      open.isTaken = true;
    } catch (thrown) {
      // Where the end of the session has answered it already, there is nothing to add.
      if (this.#calls.delete(id)) throw thrown;
    }
    return () => this.#cancel(id);
  }

  /** The function that it gives stops that. */
  listen(listener: SessionListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Has the server tell of changes of a resource; `uri` is JSON text. The function that it gives stops that. */
  subscribe(uri: string): () => void {
    const count = this.#subscriptions.get(uri) ?? 0;
    this.#subscriptions.set(uri, count + 1);
    if (count === 0) this.#ask('resources/subscribe', `{"uri":${uri}}`);
    let isStopped = false;
    return () => {
      if (isStopped) return;
      isStopped = true;
      const left = (this.#subscriptions.get(uri) ?? 1) - 1;
      if (left > 0) this.#subscriptions.set(uri, left);
      else {
        this.#subscriptions.delete(uri);
        this.#ask('resources/unsubscribe', `{"uri":${uri}}`);
      }
    };
  }

  async close(
    error = new DrawbridgeError('shutting_down', 'the session with the server is being closed'),
  ): Promise<void> {
    this.#end(error);
    await this.#options.transport.close();
  }

  async #open(): Promise<Message> {
    const { transport, initializeTimeoutMs } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    try {
      await transport.start({
        message: (message) => this.#receive(message),
        error: (error) => this.#options.logger.warn({ code: error.code }, `from upstream: ${error.sentence}`),
        end: (error) => this.#end(error ?? new DrawbridgeError('upstream_lost', 'the server ended the session')),
      });
      const answer = await new Promise<Message>((fulfil, reject) => {
        timer = setTimeout(() => {
          reject(
            new DrawbridgeError(
              'upstream_timeout',
              `the server did not answer initialize in ${initializeTimeoutMs} ms`,
            ),
          );
        }, initializeTimeoutMs);
        this.#initialize(fulfil, reject);
      });
      await transport.send(INITIALIZED);
      return answer;
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      await this.close(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #initialize(fulfil: (answer: Message) => void, reject: (error: DrawbridgeError) => void): void {
    const { clientInfo } = this.#options;
    const answer = (message: Message): void => {
      if (message.failure !== undefined) reject(message.failure);
      else if (findField(message, ['result']) === undefined) {
        const why = message.bytes.toString('utf8', 0, 200);
        reject(new DrawbridgeError('upstream_error', 'the server refused to initialize', { why }));
      } else fulfil(message);
    };
    const params = `{"protocolVersion":"${LEGACY_VERSIONS[0]}","capabilities":{},"clientInfo":${clientInfo}}`;
    this.#ask('initialize', params, { answer, progress: () => {}, fail: reject });
  }

  /** A request of our own; without `call`, what is answered does not matter. */
  #ask(method: string, params: string, call?: Call): void {
    if (this.#over !== undefined) return;
    const id = this.#nextId++;
    if (call !== undefined) this.#calls.set(id, { call, progressToken: undefined, isTaken: true });
    this.#send(`"id":${id},"method":"${method}","params":${params}`, (error) => {
      if (this.#calls.delete(id)) call?.fail(error);
    });
  }

  #send(messageMembers: string, failed: (error: DrawbridgeError) => void = () => {}): void {
    const message = readMessage(Buffer.from(`{"jsonrpc":"2.0",${messageMembers}}`));
    const fail = (thrown: unknown): void => failed(toDrawbridgeError(thrown));
    try {
      this.#options.transport.send(message)?.catch(fail);
    } catch (thrown) {
      fail(thrown);
    }
  }

  #cancel(id: number): void {
    if (!this.#calls.delete(id) || this.#over !== undefined) return;
    this.#send(`"method":"notifications/cancelled","params":{"requestId":${id},"reason":"the client left"}`);
  }

  #receive(message: Message): void {
    if (message.kind === 'response') {
      const [only] = this.#calls.size === 1 ? this.#calls.keys() : [];
      // An error that names no request can mean the only one (JSON-RPC 2.0 §5).
      const answer = (only === undefined ? undefined : nameRequest(message, String(only))) ?? message;
      const id = Number(answer.id);
      const open = this.#calls.get(id);
      this.#calls.delete(id);
      open?.call.answer(answer);
    } else if (message.kind === 'request') this.#answerServer(message);
    else if (message.method === 'notifications/progress') this.#tellProgress(message);
    else for (const listener of this.#listeners) listener.hear(message);
  }

  /** It was told of no capabilities, so `ping` is all that it may ask. */
  #answerServer({ id, method }: Message): void {
    if (method === 'ping') this.#send(`"id":${id},"result":{}`);
    else this.#send(`"id":${id},"error":{"code":-32601,"message":"Method not found"}`);
  }

  #tellProgress(notification: Message): void {
    const id = progressIdOf(notification);
    const open = id === undefined ? undefined : this.#calls.get(id);
    if (open?.progressToken !== undefined) open.call.progress(notification, open.progressToken);
  }

  #end(error: DrawbridgeError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    for (const listener of this.#listeners) listener.end();
    this.#listeners.clear();
    for (const [id, { call, isTaken }] of this.#calls) {
      // What the server has not taken comes back from the transport, which knows whether it may have run.
      if (!isTaken) continue;
      this.#calls.delete(id);
      call.fail(error);
    }
    this.#setEnded();
  }
}
