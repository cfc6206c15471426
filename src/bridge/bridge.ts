import { StdioDownstream } from '../downstream/stdio.ts';
import { DrawbridgeError } from '../errors.ts';
import { type Logger, silentLogger } from '../log.ts';
import { join } from '../relay/relay.ts';
import { createUpstream } from '../upstream/detection.ts';
import { SshTunnel } from '../upstream/ssh-tunnel.ts';
import type { BridgeOptions, SshOptions } from './bridge-options.ts';

export interface Bridge {
  /**
   * Settles, never rejects, when the bridge is over and everything was answered and flushed: with undefined when the
   * client ended it in good order, else with what ended it.
   */
  readonly done: Promise<DrawbridgeError | undefined>;
  /** Answers what is open, ends the remote session. Idempotent. */
  close(error?: DrawbridgeError): Promise<void>;
}

const DEFAULT_GRACE_MS = 2000;

/**
 * Gives a stdio client the remote server: joins the two streams to the server's URL. Throws `usage` when the URL is
 * none, `config` when no tunnel can be made as asked for; everything that happens later is told to the client as a JSON-RPC error and by `done`.
 */
export function createBridge(options: BridgeOptions): Bridge {
  const url = parseUrl(options.url);
  const logger = options.logger ?? silentLogger;
  const graceMs = options.graceMs ?? DEFAULT_GRACE_MS;
  let ended: DrawbridgeError | undefined;
  let fulfil: (error: DrawbridgeError | undefined) => void;
  const done = new Promise<DrawbridgeError | undefined>((resolve) => {
    fulfil = resolve;
  });

  const downstream = new StdioDownstream({ input: options.input, output: options.output, onInputEnd: () => finish() });
  const tunnel = options.ssh === undefined ? undefined : createTunnel(url, options, options.ssh, logger);
  const upstream = createUpstream({
    url,
    kind: options.transport ?? 'auto',
    logger,
    ...(options.headers === undefined ? {} : { headers: options.headers }),
    ...(options.family === undefined ? {} : { family: options.family }),
    ...(options.connectTimeoutMs === undefined ? {} : { connectTimeoutMs: options.connectTimeoutMs }),
    ...(options.maxMessageBytes === undefined ? {} : { maxMessageBytes: options.maxMessageBytes }),
    ...(tunnel === undefined ? {} : { dialTo: () => tunnel.address() }),
    onDetected: (kind) =>
      logger.info(`connected to ${url.host}, which speaks ${kind === 'sse' ? 'legacy SSE' : 'Streamable HTTP'}`),
  });
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
    // Only now, since the end of the session is told through it.
    await tunnel?.close();
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

  return { done, close };
}

function createTunnel(url: URL, options: BridgeOptions, ssh: SshOptions, logger: Logger): SshTunnel {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  return new SshTunnel({
    ...ssh,
    target: { host: url.hostname, port },
    logger,
    ...(options.family === undefined ? {} : { family: options.family }),
  });
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
