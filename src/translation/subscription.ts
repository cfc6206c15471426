import { DrawbridgeError } from '../errors.ts';
import { SUBSCRIPTION_ID } from '../message/era.ts';
import { findField } from '../message/fields.ts';
import { errorReply, type Message, readMessage } from '../message/message.ts';
import { stringAt } from '../message/ranges.ts';
import type { LegacySession } from './legacy-session.ts';
import { hasCapability } from './to-modern.ts';

/** What a client may want to hear of, the notification that says it, and the capability that promises it. */
const LIST_CHANGES = [
  ['toolsListChanged', 'notifications/tools/list_changed', 'tools'],
  ['promptsListChanged', 'notifications/prompts/list_changed', 'prompts'],
  ['resourcesListChanged', 'notifications/resources/list_changed', 'resources'],
] as const;
const OVER = 'the session with the server is over';
const RESOURCE_UPDATED = 'notifications/resources/updated';
/** Resources that one subscription may name. */
const MAX_RESOURCES = 256;

interface Filter {
  readonly methods: ReadonlySet<string>;
  readonly uris: readonly string[];
  /** What is granted, as JSON text. */
  readonly granted: string;
}

/**
 * A `subscriptions/listen` of 2026-07-28 on a legacy session: says first what is granted, then what the server tells of
 * it, each with the id of the request as the id of the subscription. `stop` ends it.
 */
export class Subscription {
  readonly #id: string;
  readonly #tell: (message: Message) => void;
  readonly #stops: (() => void)[] = [];
  /** What happened while the client was behind; the same twice is said once. */
  readonly #waiting = new Set<string>();
  #isPaused = false;

  /** Throws `invalid_request` where it does not say what it wants to hear of. */
  constructor(request: Message, initialized: Message, session: LegacySession, tell: (message: Message) => void) {
    this.#id = request.id ?? 'null';
    this.#tell = tell;
    const filter = readFilter(request, initialized);
    this.#say('notifications/subscriptions/acknowledged', `"notifications":${filter.granted}`);
    this.#stops.push(
      session.listen({
        hear: (notification) => this.#hear(notification, filter),
        end: () => tell(errorReply(request.id, new DrawbridgeError('upstream_lost', OVER))),
      }),
    );
    for (const uri of filter.uris) this.#stops.push(session.subscribe(JSON.stringify(uri)));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    for (const text of this.#waiting) {
      if (this.#isPaused) return;
      this.#waiting.delete(text);
      this.#tell(readMessage(Buffer.from(text)));
    }
  }

  stop(): void {
    for (const stop of this.#stops.splice(0)) stop();
    this.#waiting.clear();
  }

  #hear(notification: Message, { methods, uris }: Filter): void {
    const { method = '' } = notification;
    if (method === RESOURCE_UPDATED) {
      const at = findField(notification, ['params', 'uri']);
      const uri = at === undefined ? undefined : stringAt(notification.bytes, at);
      if (uri !== undefined && uris.includes(uri)) this.#say(method, `"uri":${JSON.stringify(uri)}`);
    } else if (methods.has(method)) this.#say(method);
  }

  #say(method: string, params = ''): void {
    const meta = `"_meta":{"${SUBSCRIPTION_ID}":${this.#id}}`;
    const text = `{"jsonrpc":"2.0","method":"${method}","params":{${params === '' ? '' : `${params},`}${meta}}}`;
    if (this.#isPaused) this.#waiting.add(text);
    else this.#tell(readMessage(Buffer.from(text)));
  }
}

function readFilter(request: Message, initialized: Message): Filter {
  const wanted = findField(request, ['params', 'notifications']);
  const text = wanted === undefined ? '' : request.bytes.toString('utf8', wanted.start, wanted.end);
  if (!text.startsWith('{'))
    throw new DrawbridgeError('invalid_params', 'params.notifications is missing', {
      hint: 'Say which notifications to listen to.',
    });
  const asked = JSON.parse(text) as Readonly<Record<string, unknown>>;
  const granted: Record<string, unknown> = {};
  const methods = new Set<string>();
  for (const [name, method, capability] of LIST_CHANGES) {
    if (asked[name] !== true || !hasCapability(initialized, capability, 'listChanged')) continue;
    granted[name] = true;
    methods.add(method);
  }
  const uris = readUris(asked['resourceSubscriptions']);
  const canSubscribe = uris.length > 0 && hasCapability(initialized, 'resources', 'subscribe');
  if (canSubscribe) granted['resourceSubscriptions'] = uris;
  return {
    methods,
    uris: canSubscribe ? uris : [],
    granted: JSON.stringify(granted),
  };
}

function readUris(value: unknown): readonly string[] {
  if (value === undefined) return [];
  const isList = Array.isArray(value) && value.every((uri): uri is string => typeof uri === 'string');
  if (isList && value.length <= MAX_RESOURCES) return [...new Set(value)];
  throw new DrawbridgeError('invalid_params', 'params.notifications.resourceSubscriptions cannot be used', {
    why: isList ? `it names more than ${MAX_RESOURCES} resources` : 'it is no list of texts',
  });
}
