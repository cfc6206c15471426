import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { cancelledKeyOf, findField } from '../../message/fields.ts';
import { errorReply, type Message, readMessage } from '../../message/message.ts';
import { splice } from '../../message/splice.ts';
import type { Route, Transport } from '../../relay/transport.ts';
import { type RenumberedRequest, RenumberedRequests, withId } from './renumbered-requests.ts';
import type { SharedSession } from './shared-session.ts';

export interface SharedCommandOptions {
  /** To the command, not started yet. */
  readonly transport: Transport;
  readonly logger: Logger;
  /** How long it waits for the next session after the last has ended. */
  readonly idleMs: number;
  /** Told once: it takes no session any more. */
  readonly onOver: () => void;
}

/** Held for sessions that are behind in reading, each; past this nothing is read for any. */
const MAX_HELD_BYTES = 1024 * 1024;
/** Requests of the server that wait for a client's answer. */
const MAX_ASKED = 1024;

/**
 * One command for several sessions of one principal. Their requests go under numbers of ours; `initialize` is passed on
 * once, and the sessions after the first are answered what the first was. A request of the server goes to the session
 * that has called something, the newest first, and can answer it; what it tells all, all hear.
 */
export class SharedCommand {
  readonly #options: SharedCommandOptions;
  readonly #sessions = new Set<SharedSession>();
  readonly #requests = new RenumberedRequests<SharedSession>();
  /** Who was asked each request of the server, by its key. */
  readonly #asked = new Map<string, { readonly session: SharedSession; readonly id: string }>();
  /** The answer to `initialize`, and who waits for it. */
  #welcome: Message | undefined;
  #newcomers: { readonly session: SharedSession; readonly request: Message }[] = [];
  #isInitialized = false;
  readonly #ready: Promise<void>;
  #idleMs: number;
  #idle: NodeJS.Timeout | undefined;
  #over: DrawbridgeError | undefined;

  constructor(options: SharedCommandOptions) {
    this.#options = options;
    this.#idleMs = options.idleMs;
    this.#ready = options.transport.start({
      message: (message, route) => this.#receive(message, route),
      error: (error) => options.logger.warn({ code: error.code }, `from upstream: ${error.sentence}`),
      end: (error) => this.#end(error ?? new DrawbridgeError('upstream_lost', 'the command has ended')),
    });
    this.#ready.catch((thrown: unknown) => this.#end(toDrawbridgeError(thrown)));
  }

  /** Settles when the command runs; rejects with why it does not. */
  async attach(session: SharedSession): Promise<void> {
    clearTimeout(this.#idle);
    this.#sessions.add(session);
    try {
      await this.#ready;
    } catch (thrown) {
      this.#sessions.delete(session);
      throw thrown;
    }
  }

  detach(session: SharedSession): void {
    if (!this.#sessions.delete(session) || this.#over !== undefined) return;
    for (const number of this.#requests.drop(session)) this.#sendOwn(cancellation(number));
    for (const [key, asked] of this.#asked) {
      if (asked.session !== session) continue;
      this.#asked.delete(key);
      this.#sendOwn(refusal(asked.id));
    }
    this.regulate();
    if (this.#sessions.size === 0) this.#idle = setTimeout(() => void this.close(), this.#idleMs);
  }

  /** Ends it with its last session, or now where it has none. Settles then, or at once. */
  async retire(): Promise<void> {
    this.#idleMs = 0;
    if (this.#sessions.size === 0) await this.close();
  }

  async close(): Promise<void> {
    this.#end(new DrawbridgeError('upstream_lost', 'the command was ended'));
    await this.#options.transport.close();
  }

  /** Reads on, unless one session has more to read than may be held for it. */
  regulate(): void {
    if ([...this.#sessions].some(({ heldBytes }) => heldBytes > MAX_HELD_BYTES)) this.#options.transport.pause();
    else this.#options.transport.resume();
  }

  sendFrom(session: SharedSession, message: Message): void | Promise<void> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (message.kind === 'request') return this.#sendRequest(session, message);
    const { transport } = this.#options;
    if (message.kind === 'response') {
      if (message.key === undefined || this.#asked.get(message.key)?.session !== session) return;
      this.#asked.delete(message.key);
    } else if (message.method === 'notifications/initialized') {
      if (this.#isInitialized) return;
      this.#isInitialized = true;
    } else if (message.method === 'notifications/cancelled') {
      const number = this.#requests.numberOf(session, cancelledKeyOf(message));
      const at = findField(message, ['params', 'requestId']);
      if (number === undefined || at === undefined) return;
      // A server need not answer it any more (MCP 2025-11-25, utilities/cancellation).
      this.#requests.delete(number);
      return transport.send(splice(message, [{ at, text: String(number) }]));
    }
    return transport.send(message);
  }

  #sendRequest(session: SharedSession, request: Message): void | Promise<void> {
    if (request.method === 'initialize') {
      if (this.#welcome !== undefined) return this.#welcomeTo(session, request, this.#welcome);
      this.#newcomers.push({ session, request });
      if (this.#newcomers.length > 1) return;
    } else if (request.method === 'resources/unsubscribe' && this.#sessions.size > 1) {
      // Another session may have subscribed to the same.
      session.deliver(readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${request.id},"result":{}}`)));
      return;
    }
    const { number, message } = this.#requests.add(session, request);
    const failed = (thrown: unknown): never => {
      this.#requests.delete(number);
      if (request.method === 'initialize') this.#failNewcomers(toDrawbridgeError(thrown), session);
      throw thrown;
    };
    return this.#options.transport.send(message)?.catch(failed);
  }

  #receive(message: Message, route: Route | undefined): void {
    if (message.kind === 'response') this.#receiveAnswer(message);
    else if (message.kind === 'request') this.#ask(message, route);
    else if (message.method === 'notifications/progress') this.#tellProgress(message, route);
    else if (message.method === 'notifications/cancelled') {
      const key = cancelledKeyOf(message) ?? '';
      this.#asked.get(key)?.session.deliver(message);
      this.#asked.delete(key);
    } else {
      const owner = this.#requests.get(route?.relatedTo);
      for (const session of this.#sessions)
        session.deliver(message, owner?.session === session ? { relatedTo: owner.key } : undefined);
    }
    this.regulate();
  }

  #receiveAnswer(message: Message): void {
    const settled = this.#requests.settle(message);
    if (settled === undefined) {
      this.#options.logger.debug({ bytes: message.bytes.length }, 'an answer came after its session had gone');
    } else if (!settled.request.isInitialize) settled.request.session.deliver(settled.answer);
    else {
      // With an error the next that comes asks again.
      if (findField(message, ['result']) !== undefined) this.#welcome = message;
      for (const { session, request } of this.#newcomers.splice(0)) this.#welcomeTo(session, request, message);
    }
  }

  #welcomeTo(session: SharedSession, request: Message, welcome: Message): void {
    const answer = withId(welcome, request.id ?? 'null');
    const error = new DrawbridgeError('upstream_invalid', 'the answer to initialize cannot be read');
    if (this.#sessions.has(session)) session.deliver(answer ?? errorReply(request.id, error));
  }

  #failNewcomers(error: DrawbridgeError, but: SharedSession): void {
    for (const { session, request } of this.#newcomers.splice(0))
      if (session !== but) session.deliver(errorReply(request.id, error));
  }

  #tellProgress(message: Message, route: Route | undefined): void {
    const request = this.#requests.get(route?.relatedTo);
    const at = findField(message, ['params', 'progressToken']);
    if (request?.token === undefined || at === undefined) return;
    request.session.deliver(splice(message, [{ at, text: request.token }]), { relatedTo: request.key });
  }

  #ask(message: Message, route: Route | undefined): void {
    const { id, key } = message;
    if (id === undefined || key === undefined) return;
    if (message.method === 'ping') {
      this.#sendOwn(`"id":${id},"result":{}`);
      return;
    }
    const owner = this.#ownerOf(message, route);
    const [alone] = this.#sessions.size === 1 ? this.#sessions : [];
    const session = owner?.session ?? (alone?.canAnswer(message) ? alone : undefined);
    if (session === undefined || this.#asked.has(key) || this.#asked.size >= MAX_ASKED) {
      this.#sendOwn(refusal(id));
      return;
    }
    this.#asked.set(key, { session, id });
    session.deliver(message, owner === undefined ? undefined : { relatedTo: owner.key });
  }

  /** Whose request made the server ask; where several are open, the newest of a client that can answer. */
  #ownerOf(message: Message, route: Route | undefined): RenumberedRequest<SharedSession> | undefined {
    const only = this.#requests.get(route?.relatedTo);
    const open = only === undefined ? this.#requests.newest() : [only];
    return open.find(({ session }) => this.#sessions.has(session) && session.canAnswer(message));
  }

  /** Nobody waits for what is ours. */
  #sendOwn(members: string): void {
    Promise.resolve(this.#options.transport.send(readMessage(Buffer.from(`{"jsonrpc":"2.0",${members}}`)))).catch(
      () => {},
    );
  }

  #end(error: DrawbridgeError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    clearTimeout(this.#idle);
    this.#options.onOver();
    for (const session of this.#sessions) session.end(error);
    this.#sessions.clear();
  }
}

function cancellation(number: number): string {
  return `"method":"notifications/cancelled","params":{"requestId":${number},"reason":"the session has ended"}`;
}

function refusal(id: string): string {
  return `"id":${id},"error":{"code":-32601,"message":"No client is there that can answer this"}`;
}
