import { DrawbridgeError } from '../../errors.ts';
import { claimedVersionOf, LEGACY_VERSIONS } from '../../message/era.ts';
import type { Message } from '../../message/message.ts';
import type { Transport, TransportEvents } from '../../relay/transport.ts';
import type { UpstreamKind } from '../../upstream/detection.ts';
import { StatelessClient } from '../../upstream/stateless.ts';
import { headerLines } from '../../upstream/upstream-options.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { mirroredLines } from '../mirrored-headers.ts';
import type { RequestContext } from '../request-context.ts';
import { upstreamHeadersFor } from '../upstream-headers.ts';
import { QUESTION_HEADERS, ServerEra } from './server-era.ts';
import { hostHeaderFor, type ResolvedServer } from './server-options.ts';

/** Makes the transport that answers a modern request for a server of the legacy era. */
export type LegacyAnswer = (context: RequestContext) => Transport;

/** Modern requests to one replica of a server: to it where it is of their era, else answered on its behalf. */
export class ModernRequests {
  readonly #server: ResolvedServer;
  readonly #options: ResolvedGatewayOptions;
  readonly #url: URL;
  readonly #answerForLegacy: LegacyAnswer;
  readonly #era = new ServerEra();
  #client: StatelessClient | undefined;

  constructor(server: ResolvedServer, url: URL, options: ResolvedGatewayOptions, answerForLegacy: LegacyAnswer) {
    this.#server = server;
    this.#url = url;
    this.#options = options;
    this.#answerForLegacy = answerForLegacy;
  }

  /** A transport for the one message of this request, not started yet. `kind` is what the server is known to speak. */
  connect(context: RequestContext, kind: UpstreamKind): Transport {
    // Python's legacy servers over SSE lose their session to a request that they do not know, so none is tried there.
    if (isSse(kind, this.#url) || this.#era.known === 'legacy') return this.#answerForLegacy(context);
    const common = headerLines(upstreamHeadersFor(context, this.#server, this.#options));
    this.#client ??= this.#createClient();
    const client = this.#client;
    const askEra = () => this.#era.find(() => client.connect({ headers: common + QUESTION_HEADERS }));
    return new EraFindingUpstream(
      (isLegacy) => client.connect({ headers: common + mirroredLines(context.req.headers), isLegacy }),
      async () => (await askEra()) === 'legacy',
      () => this.#answerForLegacy(context),
    );
  }

  /** Ends the connections upstream when the last request is over. */
  close(): void {
    this.#client?.close();
  }

  #createClient(): StatelessClient {
    const { family, maxMessageBytes, logger } = this.#options;
    return new StatelessClient({
      url: this.#url,
      hostHeader: hostHeaderFor(this.#server, this.#url),
      family,
      connectTimeoutMs: this.#options.upstreamConnectTimeoutMs,
      headersTimeoutMs: this.#options.upstreamReadTimeoutMs,
      acceptTimeoutMs: this.#options.upstreamSendTimeoutMs,
      maxMessageBytes,
      logger,
    });
  }
}

function isSse(kind: UpstreamKind, { pathname }: URL): boolean {
  return kind === 'sse' || kind === 'sse-first' || (kind === 'auto' && /\/sse\/?$/.test(pathname));
}

/**
 * Sends a modern request as it is. Where that shows the server to be of the legacy era, which then has not run it, the
 * request is answered as all that follow will be.
 */
class EraFindingUpstream implements Transport {
  readonly #createLegacy: () => Transport;
  #transport: Transport;
  #events: TransportEvents | undefined;
  #isLegacy = false;
  #isClosed = false;

  constructor(
    createModern: (isLegacy: () => Promise<boolean>) => Transport,
    isLegacy: () => Promise<boolean>,
    createLegacy: () => Transport,
  ) {
    this.#createLegacy = createLegacy;
    this.#transport = createModern(async () => {
      this.#isLegacy = await isLegacy();
      return this.#isLegacy;
    });
  }

  start(events: TransportEvents): Promise<void> {
    this.#events = events;
    return this.#transport.start(events);
  }

  async send(message: Message): Promise<void> {
    try {
      await this.#transport.send(message);
    } catch (thrown) {
      if (!this.#isLegacy || this.#isClosed || this.#events === undefined) throw thrown;
      await this.#transport.close();
      this.#transport = this.#createLegacy();
      await this.#transport.start(this.#events);
      await this.#transport.send(message);
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
    return this.#transport.close();
  }
}

/**
 * Answers for a server of the legacy era with an error. `server/discover` gets one by which a client that knows both eras
 * goes on with `initialize` at once; anything else one that names the versions there are.
 */
export function refuseModern(): Transport {
  return new RefusingUpstream();
}

class RefusingUpstream implements Transport {
  start(): Promise<void> {
    return Promise.resolve();
  }

  send(message: Message): Promise<void> {
    const why = 'the MCP server behind this gateway is of the legacy era';
    if (message.method === 'server/discover')
      return Promise.reject(new DrawbridgeError('method_unknown', 'server/discover is not known here', { why }));
    const requested = claimedVersionOf(message) ?? '2026-07-28';
    const error = `the protocol version ${requested.slice(0, 40)} is not supported; ${LEGACY_VERSIONS.join(', ')} are`;
    const versions = { supported: LEGACY_VERSIONS, requested: requested.slice(0, 40) };
    return Promise.reject(new DrawbridgeError('version_unsupported', error, { why, versions }));
  }

  pause(): void {}
  resume(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
