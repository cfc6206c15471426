import { DrawbridgeError, toDrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { LEGACY_VERSIONS } from '../message/era.ts';
import { cancelledKeyOf, findField } from '../message/fields.ts';
import { type Message, nameRequest, readMessage } from '../message/message.ts';
import type { Route, Transport } from '../relay/transport.ts';
import { canAnswer } from './client-capabilities.ts';
import { toLegacy } from './to-legacy.ts';
import { progressIdOf } from './to-modern.ts';

export interface LegacySessionOptions {
  /** A transport to the legacy server, not started yet. */
  readonly transport: Transport;
  /** Who the client says it is: the JSON text of an Implementation. */
  readonly clientInfo: string;
  /** What the client can be asked: the JSON text of its capabilities. */
  readonly capabilities: string;
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
  /** Takes what the server asks during this request, which can be asked nothing without it; false to refuse it. */
  ask?(question: Message): boolean;
  /** The server no longer wants to know what it has asked under this key. */
  withdraw?(questionKey: string): void;
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
  /** The key of our id. */
  readonly key: string | undefined;
  readonly progressToken: string | undefined;
  /** Whether the server has it. */
  isTaken: boolean;
}

/**
 * A session with a legacy server that the modern requests of one principal share. We are its client: each request goes
 * under an id of ours, and what the server asks goes to the one request that it can belong to.
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
    const open = { call, key: message.key, progressToken, isTaken: false };
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

  /** Answers what the server has asked; `body` is the JSON of the result or the error. */
  reply(question: Message, member: 'result' | 'error', body: Buffer, failed?: (error: DrawbridgeError) => void): void {
    if (this.#over !== undefined) return;
    const start = Buffer.from(`{"jsonrpc":"2.0","id":${question.id},"${member}":`);
    this.#sendBytes(Buffer.concat([start, body, Buffer.from('}')]), failed);
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
        message: (message, route) => this.#receive(message, route),
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
    const { clientInfo, capabilities } = this.#options;
    const answer = (message: Message): void => {
      if (message.failure !== undefined) reject(message.failure);
      else if (findField(message, ['result']) === undefined) {
        const why = message.bytes.toString('utf8', 0, 200);
        reject(new DrawbridgeError('upstream_error', 'the server refused to initialize', { why }));
      } else fulfil(message);
    };
    const params = `{"protocolVersion":"${LEGACY_VERSIONS[0]}","capabilities":${capabilities},"clientInfo":${clientInfo}}`;
    this.#ask('initialize', params, { answer, progress: () => {}, fail: reject });
  }

  /** A request of our own; without `call`, what is answered does not matter. */
  #ask(method: string, params: string, call?: Call): void {
    if (this.#over !== undefined) return;
    const id = this.#nextId++;
    if (call !== undefined) this.#calls.set(id, { call, key: undefined, progressToken: undefined, isTaken: true });
    this.#send(`"id":${id},"method":"${method}","params":${params}`, (error) => {
      if (this.#calls.delete(id)) call?.fail(error);
    });
  }

  #send(messageMembers: string, failed?: (error: DrawbridgeError) => void): void {
    this.#sendBytes(Buffer.from(`{"jsonrpc":"2.0",${messageMembers}}`), failed);
  }

  #sendBytes(bytes: Buffer, failed: (error: DrawbridgeError) => void = () => {}): void {
    const message = readMessage(bytes);
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

  #receive(message: Message, route?: Route): void {
    if (message.kind === 'response') {
      const [only] = this.#calls.size === 1 ? this.#calls.keys() : [];
      // An error that names no request can mean the only one (JSON-RPC 2.0 §5).
      const answer = (only === undefined ? undefined : nameRequest(message, String(only))) ?? message;
      const id = Number(answer.id);
      const open = this.#calls.get(id);
      this.#calls.delete(id);
      open?.call.answer(answer);
    } else if (message.kind === 'request') this.#answerServer(message, route);
    else if (message.method === 'notifications/progress') this.#tellProgress(message);
    else if (message.method === 'notifications/cancelled') this.#withdraw(cancelledKeyOf(message));
    else for (const listener of this.#listeners) listener.hear(message);
  }

  #answerServer(question: Message, route: Route | undefined): void {
    const { id, method } = question;
    const refuse = (code: number, why: string): void =>
      this.#send(`"id":${id},"error":{"code":${code},"message":"${why}"}`);
    if (method === 'ping') this.#send(`"id":${id},"result":{}`);
    else if (!canAnswer(this.#options.capabilities, method)) refuse(-32601, 'Method not found');
    else {
      const asked = this.#askedBy(route);
      if (asked === undefined) refuse(-32603, 'It cannot be told which request of the client this belongs to');
      else if (asked.ask?.(question) !== true) refuse(-32603, 'The client has too much to answer already');
    }
  }

  /** The call that the server asks about: the one whose stream it asks on, else the only one there is. */
  #askedBy(route: Route | undefined): Call | undefined {
    const askable = [...this.#calls.values()].filter(({ call }) => call.ask !== undefined);
    const related = route?.relatedTo;
    if (related !== undefined) return askable.find(({ key }) => key === related)?.call;
    return askable.length === 1 ? askable[0]?.call : undefined;
  }

  #withdraw(questionKey: string | undefined): void {
    if (questionKey === undefined) return;
    for (const { call } of this.#calls.values()) call.withdraw?.(questionKey);
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
