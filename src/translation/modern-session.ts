import { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { cancelledKeyOf, findField } from '../message/fields.ts';
import { type Message, readMessage } from '../message/message.ts';
import { stringAt } from '../message/ranges.ts';
import type { Transport, TransportEvents } from '../relay/transport.ts';
import { ChangeListener } from './change-listener.ts';
import { LegacyClient, textAt } from './legacy-client.ts';
import { standardLines } from './mirrored-value.ts';
import { ModernCall } from './modern-call.ts';
import { type Member, toModernRequest } from './modern-request.ts';
import { hasCapability } from './to-modern.ts';
import { ToolHeaders } from './tool-headers.ts';

export interface ModernSessionOptions {
  /** A transport for one request with these header lines, not started yet. */
  readonly connect: (headers: string) => Transport;
  /** Told once, when the session is closed. */
  readonly onClose: () => void;
  readonly logger: Logger;
}

/** Pages of a list of tools that are asked for where a header was refused. */
const MAX_PAGES = 32;

/**
 * A session of the legacy era with a server of 2026-07-28 alone, which knows of none: each request goes for itself,
 * with all that the client has said in its session. Ends only when it is closed.
 */
export class ModernSession implements Transport {
  readonly #options: ModernSessionOptions;
  readonly #calls = new Map<string, ModernCall>();
  readonly #asked = new Map<string, (answer: Message) => void>();
  readonly #tools: ToolHeaders;
  readonly #changes: ChangeListener;
  /** Requests of ours that are under way. */
  readonly #own = new Set<Transport>();
  #relearning: Promise<void> | undefined;
  #events: TransportEvents | undefined;
  #client: LegacyClient | undefined;
  #discovered: Message | undefined;
  #isPaused = false;
  #isClosed = false;
  #nextId = 1;
  heardAt = 0;

  constructor(options: ModernSessionOptions) {
    this.#options = options;
    this.#tools = new ToolHeaders(options.logger);
    this.#changes = new ChangeListener({
      connect: (request) => this.#connect(request, {}),
      tell: (notification) => this.#tell(notification),
      warn: (error) => this.#events?.error(error),
    });
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return Promise.resolve();
  }

  async send(message: Message): Promise<void> {
    if (this.#isClosed) throw new DrawbridgeError('upstream_lost', 'the session is closed');
    if (message.kind === 'response') this.#asked.get(message.key ?? '')?.(message);
    else if (message.kind === 'notification') this.#note(message);
    else if (message.kind === 'request') await this.#serve(message);
  }

  pause(): void {
    this.#isPaused = true;
    for (const call of this.#calls.values()) call.pause();
    this.#changes.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const call of this.#calls.values()) call.resume();
    this.#changes.resume();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#events = undefined;
    this.#changes.close();
    await Promise.all([...this.#calls.values(), ...this.#own].map((open) => open.close()));
    this.#calls.clear();
    this.#options.onClose();
  }

  /** The server takes no notifications over HTTP; what the others say, it asks for when it needs it. */
  #note(notification: Message): void {
    if (notification.method === 'notifications/initialized') {
      if (this.#discovered !== undefined) this.#changes.begin(this.#discovered);
    } else if (notification.method === 'notifications/cancelled') {
      const key = cancelledKeyOf(notification) ?? '';
      const call = this.#calls.get(key);
      this.#calls.delete(key);
      void call?.close();
    }
  }

  async #serve(request: Message): Promise<void> {
    switch (request.method) {
      case 'initialize':
        await this.#initialize(request);
        break;
      case 'ping':
        this.#answerEmpty(request);
        break;
      case 'logging/setLevel':
        this.#requireClient().setLogLevel(request);
        this.#answerEmpty(request);
        break;
      case 'resources/subscribe':
        await this.#changes.subscribe(this.#resourceOf(request));
        this.#answerEmpty(request);
        break;
      case 'resources/unsubscribe':
        this.#changes.unsubscribe(this.#resourceOf(request));
        this.#answerEmpty(request);
        break;
      default:
        await this.#call(request, (answer) => (request.method === 'tools/list' ? this.#tools.learn(answer) : answer));
    }
  }

  async #initialize(request: Message): Promise<void> {
    const { id = 'null' } = request;
    const client = new LegacyClient(request);
    this.#client = client;
    const discover = readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"server/discover"}`));
    await this.#call(discover, (answer) => {
      this.#discovered = answer;
      return client.initializeAnswer(answer, id);
    });
  }

  async #call(request: Message, translate: (answer: Message) => Message): Promise<void> {
    const key = request.key ?? '';
    const call = new ModernCall(request, {
      connect: (params, isFirst) => this.#connect(request, { params, ...(isFirst ? {} : { id: this.#newId() }) }),
      ask: (method, params) => this.#ask(method, params, request),
      tell: (message) => this.#tell(message, request),
      answer: (answer) => {
        this.#calls.delete(key);
        return this.#tell(translate(answer), request);
      },
      relearn: () => {
        this.#relearning ??= this.#relearn().finally(() => {
          this.#relearning = undefined;
        });
        return this.#relearning;
      },
    });
    this.#calls.set(key, call);
    if (this.#isPaused) call.pause();
    try {
      await call.send();
    } catch (thrown) {
      this.#calls.delete(key);
      throw thrown;
    }
  }

  #connect(
    request: Message,
    parts: { id?: string; params?: readonly Member[] },
  ): {
    transport: Transport;
    message: Message;
  } {
    const message = toModernRequest(request, { ...parts, meta: this.#requireClient().meta });
    return { message, transport: this.#options.connect(standardLines(message) + this.#tools.linesFor(message)) };
  }

  /** Has the client answer a request of the server; what is cancelled or refused rejects. */
  #ask(method: string, params: string | undefined, about: Message): { answered: Promise<string>; cancel: () => void } {
    const id = this.#newId();
    const rest = params === undefined ? '' : `,"params":${params}`;
    const request = readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}"${rest}}`));
    const { key = '' } = request;
    const answered = new Promise<string>((fulfil, reject) => {
      this.#asked.set(key, (answer) => {
        this.#asked.delete(key);
        const result = textAt(answer, ['result']);
        if (result !== undefined) fulfil(result);
        else {
          const why = textAt(answer, ['error', 'message'])?.slice(0, 200) ?? 'it gave no result';
          reject(
            new DrawbridgeError('cancelled', `the client did not answer ${method}, which the server needs`, { why }),
          );
        }
      });
    });
    void this.#tell(request, about);
    const cancel = (): void => {
      if (!this.#asked.delete(key)) return;
      const cancelled = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`;
      void this.#tell(readMessage(Buffer.from(cancelled)), about);
    };
    return { answered, cancel };
  }

  /** Reads the list of tools, all its pages. */
  async #relearn(): Promise<void> {
    let cursor: string | undefined;
    for (let page = 0; page < MAX_PAGES; page++) {
      const params = cursor === undefined ? '{}' : `{"cursor":${cursor}}`;
      const list = `{"jsonrpc":"2.0","id":${this.#newId()},"method":"tools/list","params":${params}}`;
      const answer = await this.#fetch(readMessage(Buffer.from(list)));
      this.#tools.learn(answer);
      cursor = textAt(answer, ['result', 'nextCursor']);
      if (cursor === undefined || cursor === 'null') return;
    }
  }

  async #fetch(request: Message): Promise<Message> {
    const { transport, message } = this.#connect(request, {});
    this.#own.add(transport);
    try {
      return await new Promise<Message>((fulfil, reject) => {
        const take = (received: Message): void => {
          if (received.kind === 'response') fulfil(received);
        };
        transport
          .start({ message: take, error: () => {}, end: () => {} })
          .then(() => transport.send(message))
          .catch(reject);
      });
    } finally {
      this.#own.delete(transport);
      await transport.close();
    }
  }

  #resourceOf(request: Message): string {
    this.#requireClient();
    if (this.#discovered === undefined || !hasCapability(this.#discovered, 'resources', 'subscribe'))
      throw new DrawbridgeError('method_not_found', 'the server does not tell of changes of a resource');
    const at = findField(request, ['params', 'uri']);
    const uri = at === undefined ? undefined : stringAt(request.bytes, at);
    if (uri === undefined) throw new DrawbridgeError('invalid_params', 'params.uri is no text');
    return uri;
  }

  #requireClient(): LegacyClient {
    if (this.#client === undefined)
      throw new DrawbridgeError('invalid_request', 'the session is not initialized', {
        hint: 'Send initialize first.',
      });
    return this.#client;
  }

  #newId(): string {
    return `"drawbridge-${this.#nextId++}"`;
  }

  #answerEmpty({ id = 'null', key }: Message): void {
    const answer = readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{}}`));
    void this.#events?.message(answer, { relatedTo: key });
  }

  #tell(message: Message, about?: Message): void | Promise<void> {
    this.heardAt = performance.now();
    return this.#events?.message(message, about === undefined ? undefined : { relatedTo: about.key });
  }
}
