import { DrawbridgeError } from '../../errors.ts';
import { CLIENT_INFO_FIELD, claimedVersionOf, LEGACY_VERSIONS, MODERN_VERSION } from '../../message/era.ts';
import { findField } from '../../message/fields.ts';
import type { Message } from '../../message/message.ts';
import type { Transport } from '../../relay/transport.ts';
import { capabilitiesOf } from '../../translation/client-capabilities.ts';
import { LegacySessions } from '../../translation/legacy-sessions.ts';
import { TranslatedUpstream } from '../../translation/translated-upstream.ts';
import type { WaitingCalls } from '../../translation/waiting-calls.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { RequestContext } from '../request-context.ts';

/** A session that answers modern requests is closed when it was idle for so long. */
const IDLE_MS = 5 * 60_000;
const INITIALIZE_TIMEOUT_MS = 60_000;
/** What a server of the legacy era is told where the client does not say who it is. */
const UNNAMED = '{"name":"mcp-drawbridge","version":"1"}';

/** Answers modern requests for one server of the legacy era: from a session of that era by option, else with an error. */
export class LegacyAnswers {
  readonly #options: Pick<ResolvedGatewayOptions, 'translateModern' | 'logger'>;
  readonly #openSession: (context: RequestContext) => Transport;
  readonly #sessions: LegacySessions;
  readonly #waiting: WaitingCalls;

  /**
   * `openSession` makes the transport of a session that is opened for the principal of a request; `waiting` are the calls of
   * this server that wait for their client, which outlive it.
   */
  constructor(
    options: Pick<ResolvedGatewayOptions, 'translateModern' | 'maxSessions' | 'logger'>,
    openSession: (context: RequestContext) => Transport,
    waiting: WaitingCalls,
  ) {
    this.#options = options;
    this.#openSession = openSession;
    this.#waiting = waiting;
    this.#sessions = new LegacySessions({ idleMs: IDLE_MS, maxSessions: options.maxSessions });
  }

  /** A transport that answers the request, not started yet. */
  connect(context: RequestContext): Transport {
    const { principal, message } = context;
    if (!this.#options.translateModern || principal === undefined) return new RefusingUpstream(LEGACY_VERSIONS);
    const claimed = message === undefined ? undefined : claimedVersionOf(message);
    if (claimed !== undefined && claimed !== MODERN_VERSION) return new RefusingUpstream([MODERN_VERSION]);
    const capabilities = capabilitiesOf(message);
    return new TranslatedUpstream({
      principalId: principal.id,
      waiting: this.#waiting,
      lease: (isAskable) =>
        this.#sessions.lease({ principalId: principal.id, capabilities, isAskable }, () => ({
          transport: this.#openSession(context),
          clientInfo: clientInfoOf(message) ?? UNNAMED,
          capabilities,
          logger: this.#options.logger,
          initializeTimeoutMs: INITIALIZE_TIMEOUT_MS,
        })),
    });
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }
}

function clientInfoOf(message: Message | undefined): string | undefined {
  const at = message === undefined ? undefined : findField(message, CLIENT_INFO_FIELD);
  return at === undefined ? undefined : message?.bytes.toString('utf8', at.start, at.end);
}

/**
 * Answers for a server of the legacy era with an error that names the versions there are. Where those are legacy ones,
 * `server/discover` gets one by which a client that knows both eras goes on with `initialize` at once.
 */
class RefusingUpstream implements Transport {
  readonly #supported: readonly string[];

  constructor(supported: readonly string[]) {
    this.#supported = supported;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  send(message: Message): Promise<void> {
    const why = 'the MCP server behind this gateway is of the legacy era';
    if (message.method === 'server/discover' && this.#supported === LEGACY_VERSIONS)
      return Promise.reject(
        new DrawbridgeError('method_not_found', 'server/discover is not known here', { why, status: 400 }),
      );
    const requested = (claimedVersionOf(message) ?? MODERN_VERSION).slice(0, 40);
    const error = `the protocol version ${requested} is not supported; supported: ${this.#supported.join(', ')}`;
    const versions = { supported: this.#supported, requested };
    return Promise.reject(new DrawbridgeError('version_unsupported', error, { why, versions }));
  }

  pause(): void {}
  resume(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
