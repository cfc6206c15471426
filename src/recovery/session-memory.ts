import { type Message, readMessage } from '../message/message.ts';
import { type ListKind, ListPages } from './list-pages.ts';

export const INITIALIZED = readMessage(Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}'));

/** The lists that a client may have read, by the method that reads them. */
export const LIST_KINDS: Readonly<Record<string, ListKind>> = {
  'tools/list': { member: 'tools', changed: 'notifications/tools/list_changed' },
  'prompts/list': { member: 'prompts', changed: 'notifications/prompts/list_changed' },
  'resources/list': { member: 'resources', changed: 'notifications/resources/list_changed' },
  'resources/templates/list': { member: 'resourceTemplates', changed: 'notifications/resources/list_changed' },
};

/** What a session is to the client, beyond one connection: enough to make another connection the same session. */
export class SessionMemory {
  /** The client's own, as it sent it. */
  #initialize: Message | undefined;
  /** Whether the client has its answer. */
  isInitialized = false;
  /** Whether that answer was ours, for want of a server. */
  isProvisional = false;
  #logLevel: unknown;
  readonly #subscriptions = new Set<string>();
  readonly #lists = new Map<string, ListPages>();

  get initialize(): Message | undefined {
    return this.#initialize;
  }

  noteInitialize(message: Message): void {
    this.#initialize = message;
    this.isInitialized = false;
    this.isProvisional = false;
  }

  /** Takes note of what the server has granted; costs nothing for the calls that change nothing. */
  noteAnswer(request: Message, answer: Message): void {
    switch (request.method) {
      case 'initialize':
        this.isInitialized = true;
        break;
      case 'logging/setLevel':
        if (isResult(answer)) this.#logLevel = paramsOf(request)?.['level'];
        break;
      case 'resources/subscribe':
      case 'resources/unsubscribe': {
        const uri = paramsOf(request)?.['uri'];
        if (typeof uri !== 'string' || !isResult(answer)) break;
        if (request.method === 'resources/subscribe') this.#subscriptions.add(uri);
        else this.#subscriptions.delete(uri);
        break;
      }
      default:
        if (request.method?.endsWith('/list') === true) this.#noteList(request, answer);
    }
  }

  #noteList(request: Message, answer: Message): void {
    const method = request.method ?? '';
    if (!Object.hasOwn(LIST_KINDS, method)) return;
    const isFirstPage = paramsOf(request)?.['cursor'] === undefined;
    const pages = isFirstPage ? new ListPages() : this.#lists.get(method);
    if (pages === undefined) return;
    this.#lists.set(method, pages);
    pages.add(answer);
  }

  /** The lists that the client has read, as it read them. */
  get lists(): ReadonlyMap<string, ListPages> {
    return new Map(this.#lists);
  }

  /** The requests that give a new connection the state that the last one had. */
  restoring(nextId: () => string): Message[] {
    const requests: Message[] = [];
    if (this.#logLevel !== undefined)
      requests.push(ownRequest(nextId(), 'logging/setLevel', { level: this.#logLevel }));
    for (const uri of this.#subscriptions) requests.push(ownRequest(nextId(), 'resources/subscribe', { uri }));
    return requests;
  }
}

/** A request of our own; `id` is its JSON text. */
export function ownRequest(id: string, method: string, params?: Readonly<Record<string, unknown>>): Message {
  const tail = params === undefined ? '' : `,"params":${JSON.stringify(params)}`;
  return readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}"${tail}}`));
}

export function ownNotification(method: string, params?: string): Message {
  const tail = params === undefined ? '' : `,"params":${params}`;
  return readMessage(Buffer.from(`{"jsonrpc":"2.0","method":"${method}"${tail}}`));
}

/** Whether the server granted what was asked. */
export function isResult(answer: Message): boolean {
  return answer.failure === undefined && memberOf(answer, 'result') !== undefined;
}

/** A member of a small message. */
export function memberOf(message: Message, name: string): unknown {
  try {
    return (JSON.parse(message.bytes.toString()) as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}

function paramsOf(message: Message): Record<string, unknown> | undefined {
  const params = memberOf(message, 'params');
  return typeof params === 'object' && params !== null ? (params as Record<string, unknown>) : undefined;
}
