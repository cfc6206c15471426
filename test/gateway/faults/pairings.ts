/** Every way in with every way out: what each fault test runs over. A new transport is a new line here. */
import { afterEach, beforeEach, describe } from 'vitest';
import type { GatewayOptions } from '../../../src/gateway/gateway-options.ts';
import { type FaultProxy, startFaultProxy } from '../../parts/fault-proxy.ts';
import { type FaultUpstream, startFaultUpstream, type UpstreamSpeech } from '../../parts/fault-upstream.ts';
import { startGateway, type TestGateway } from '../../parts/gateway-server.ts';
import { openClient, type RawMcpClient, type Speech } from '../../parts/raw-mcp-client.ts';

const DOWN: readonly Speech[] = ['sse', 'http'];
const UP: readonly UpstreamSpeech[] = ['sse', 'http'];
export const PAIRINGS = DOWN.flatMap((down) => UP.map((up) => ({ down, up })));

/** One gateway between a client and a server, with a fault proxy before the server. */
export class FaultStage {
  readonly down: Speech;
  readonly up: UpstreamSpeech;
  upstream!: FaultUpstream;
  link!: FaultProxy;
  gateway!: TestGateway;
  readonly log: string[] = [];
  readonly #clients: RawMcpClient[] = [];

  constructor(down: Speech, up: UpstreamSpeech) {
    this.down = down;
    this.up = up;
  }

  /** The URL of the server, by way of the proxy. */
  get upstreamUrl(): string {
    return this.link.url(new URL(this.upstream.url).pathname);
  }

  async start(options: Partial<GatewayOptions> = {}): Promise<void> {
    this.upstream = await startFaultUpstream(this.up);
    this.link = await startFaultProxy(this.upstream.port);
    await this.restartGateway(options);
  }

  /** In place of the gateway that `start` has made, one with other options. */
  async restartGateway(options: Partial<GatewayOptions>): Promise<void> {
    await this.gateway?.close();
    this.log.length = 0;
    const note = (first: unknown, second?: string): void =>
      void this.log.push(`${typeof first === 'string' ? first : JSON.stringify(first)} ${second ?? ''}`);
    const logger = { debug: () => {}, info: note, warn: note, error: note };
    const upstreamTransport = this.up;
    this.gateway = await startGateway({ upstream: this.upstreamUrl, upstreamTransport, logger, ...options });
  }

  async open(): Promise<RawMcpClient> {
    const client = await openClient(this.gateway.origin, this.down, this.gateway.alice);
    this.#clients.push(client);
    return client;
  }

  /** The server is killed, and one that knows nothing of it starts on another port behind the same proxy. */
  async restartUpstream(): Promise<void> {
    await this.upstream.kill();
    this.upstream = await startFaultUpstream(this.up);
    this.link.target(this.upstream.port);
  }

  async close(): Promise<void> {
    for (const client of this.#clients.splice(0)) client.vanish('fin');
    await this.gateway.close();
    await this.link.close();
    await this.upstream.kill();
  }
}

/** Describes the same for every pairing, each test with a stage of its own. */
export function describePairings(
  what: string,
  define: (stage: FaultStage) => void,
  pairings: readonly { readonly down: Speech; readonly up: UpstreamSpeech }[] = PAIRINGS,
): void {
  describe.each(pairings)(`$down clients, $up server: ${what}`, ({ down, up }) => {
    const stage = new FaultStage(down, up);
    beforeEach(() => stage.start());
    afterEach(() => stage.close());
    define(stage);
  });
}
