import { StdioDownstream } from '../downstream/stdio.ts';
import { DrawbridgeError } from '../errors.ts';
import { secretsOf, silentLogger } from '../log.ts';
import { RecoveringUpstream } from '../recovery/recovering-upstream.ts';
import { join } from '../relay/relay.ts';
import type { BridgeOptions } from './bridge-options.ts';
import { withInterceptors } from './interceptors.ts';
import { upstreamConnector } from './upstream-connector.ts';

export interface Bridge {
  /**
   * Settles, never rejects, when the bridge is over and everything was answered and flushed: with undefined when the
   * client ended it in good order, else with what ended it.
   */
  readonly done: Promise<DrawbridgeError | undefined>;
  /** As if the client had closed its input: what is open has `graceMs` to be answered, then it closes. Idempotent. */
  finish(): Promise<void>;
  /** Answers what is open, ends the remote session. Idempotent. */
  close(error?: DrawbridgeError): Promise<void>;
}

const DEFAULTS = {
  graceMs: 2000,
  holdMs: 15_000,
  initializeTimeoutMs: 25_000,
  pingIntervalMs: 30_000,
  pongTimeoutMs: 10_000,
} as const;

/**
 * Gives a stdio client the remote server: joins the two streams to the server's URL, and keeps the session over lost
 * connections. Throws `usage` when the URL is none; everything that happens later is told to the client as a JSON-RPC
 * error and by `done`.
 */
export function createBridge(options: BridgeOptions): Bridge {
  const url = parseUrl(options.url);
  const logger = options.logger ?? silentLogger;
  const graceMs = options.graceMs ?? DEFAULTS.graceMs;
  let ended: DrawbridgeError | undefined;
  let fulfil: (error: DrawbridgeError | undefined) => void;
  const done = new Promise<DrawbridgeError | undefined>((resolve) => {
    fulfil = resolve;
  });

  const secrets = secretsOf(options.headers ?? {}, url);
  const downstream = new StdioDownstream({
    input: options.input,
    output: options.output,
    secrets,
    ...(options.maxLineBytes === undefined ? {} : { maxLineBytes: options.maxLineBytes }),
    onInputEnd: () => finish(),
  });
  const connector = upstreamConnector(url, options, logger);
  const server = new RecoveringUpstream({
    connect: connector.connect,
    where: url.host,
    logger,
    secrets,
    holdMs: options.holdMs ?? DEFAULTS.holdMs,
    initializeTimeoutMs: options.initializeTimeoutMs ?? DEFAULTS.initializeTimeoutMs,
    pingIntervalMs: options.pingIntervalMs ?? DEFAULTS.pingIntervalMs,
    pongTimeoutMs: options.pongTimeoutMs ?? DEFAULTS.pongTimeoutMs,
  });
  const upstream = withInterceptors(server, options, logger);
  const relay = join(downstream, upstream, {
    logger,
    onEnd: (by, error) => {
      if (by === 'upstream') fail(error);
      else if (by === 'downstream') close();
    },
  });
  let isClosing = false;
  const close = async (error?: DrawbridgeError): Promise<void> => {
    isClosing = true;
    await relay.close(error);
    await connector.close();
    fulfil(ended);
  };
  relay.ready.catch((error: DrawbridgeError) => fail(error));

  let hasFailed = false;
  async function fail(error = new DrawbridgeError('upstream_lost', `${url.host} ended the connection`)): Promise<void> {
    if (hasFailed || isClosing) return;
    hasFailed = true;
    // Where the client has ended it meanwhile, that is what counts.
    if (!isFinishing) ended = error;
    await relay.close();
    await downstream.refuseFirst(error, graceMs);
    await close();
  }

  let isFinishing = false;
  async function finish(): Promise<void> {
    isFinishing = true;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((over) => {
      timer = setTimeout(over, graceMs);
    });
    await Promise.race([relay.whenIdle(), grace]);
    clearTimeout(timer);
    await close(new DrawbridgeError('shutting_down', 'the client closed its side before the answer came'));
  }

  return { done, finish, close };
}

function parseUrl(text: string | URL): URL {
  const url = URL.canParse(String(text)) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new DrawbridgeError('usage', `${JSON.stringify(String(text))} is not an http or https URL`, {
      hint: 'Such as mcp-drawbridge http://127.0.0.1:8000/sse',
    });
  }
  return url;
}
