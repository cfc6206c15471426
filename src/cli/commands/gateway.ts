import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GATEWAY_COMMAND_OPTIONS } from '../../config/gateway-options.ts';
import { environmentNote, formatOptions } from '../../config/help.ts';
import { parseOptions } from '../../config/parse-options.ts';
import { DrawbridgeError } from '../../errors.ts';
import { answerExpectations } from '../../gateway/expectations.ts';
import { createGateway, type Gateway } from '../../gateway/gateway.ts';
import type { GatewayOptions } from '../../gateway/gateway-options.ts';
import { type Logger, secretsOf } from '../../log.ts';
import { isLoopback } from '../../upstream/dial/loopback.ts';
import { type GatewayValues, gatewayOptionsOf } from '../gateway-settings.ts';
import { parseHeaders } from '../headers.ts';
import { createStderrLogger, reporting, usageError } from '../report.ts';
import { parseServerUrl, showUrl } from '../server-url.ts';

type Values = GatewayValues;

/** A request's head must arrive within this time, and its body within the next. */
const HEADERS_TIMEOUT_MS = 14_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often Node looks for requests that are late; by default only twice a minute. */
const CHECK_INTERVAL_MS = 1000;
const MAX_HEADER_BYTES = 16 * 1024;
/** Longer than the usual 60 s of a proxy in front, which then is the one to close an idle connection. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** How long open answers may take to leave when the gateway is stopped. */
const DRAIN_MS = 5000;

/** `mcp-drawbridge gateway`: the front door as a server of its own. */
export const run = reporting(async (args) => {
  const { values, positionals, rest } = parseOptions(GATEWAY_COMMAND_OPTIONS, {
    args,
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  if (values.help === true) {
    process.stdout.write(helpText());
    return;
  }
  if (positionals[0] !== undefined) {
    throw usageError(`unexpected argument '${showUrl(positionals[0])}'`, {
      why: 'the gateway takes options alone',
      ...(/^https?:/i.test(positionals[0]) ? { hint: 'Write --upstream before the URL.' } : {}),
    });
  }
  if (rest !== undefined)
    throw usageError('a command after -- is not supported yet', {
      hint: 'Start the server yourself and give its URL with --upstream.',
    });
  if (values.demo === true) {
    for (const name of ['upstream', 'key-file', 'auth'] as const) {
      if (values[name] !== undefined)
        throw usageError(`--demo cannot be used with --${name}`, {
          why: 'the demo brings its own server and key',
          hint: 'Leave one of the two out.',
        });
    }
    const { runDemo } = await import('../demo-tour.ts');
    await runDemo(values, start);
    return;
  }
  if (values.upstream === undefined)
    throw usageError('--upstream is missing', {
      hint: 'Such as --upstream http://127.0.0.1:8000/sse, or try --demo.',
    });
  const running = await start(values, parseServerUrl(values.upstream, 'the upstream'), {});
  running.logger.info(`listening on ${running.url}, in front of ${showUrl(values.upstream)}`);
});

export interface RunningGateway {
  readonly url: string;
  readonly logger: Logger;
  /** Something more to end when the gateway is stopped. */
  onStop(stop: () => Promise<void>): void;
}

/** Starts the gateway and its listener; signals stop it. */
export type StartGateway = (values: Values, upstream: URL, more: Partial<GatewayOptions>) => Promise<RunningGateway>;

const start: StartGateway = async (values, upstream, more) => {
  const upstreamHeaders = parseHeaders(values['upstream-header'] ?? [], { where: '--upstream-header' });
  const logger = createStderrLogger(values['log-level'] ?? 'info', secretsOf(upstreamHeaders));
  const host = values.host ?? '127.0.0.1';
  const options = { ...gatewayOptionsOf({ ...values, upstream: upstream.href }), ...more };
  const hasNoCredentials = [options.keyFile, options.htpasswdFile, options.jwtIssuer].every(
    (value) => value === undefined,
  );
  const asksNobody = hasNoCredentials && (options.mtls === undefined || options.mtls === 'off');
  if (asksNobody && !isLoopback(host)) {
    throw new DrawbridgeError('config', `refusing to listen on ${host} without authentication`, {
      why: 'whoever reaches that address could use the database',
      hint: 'Give --key-file, or listen on 127.0.0.1.',
    });
  }
  // On loopback nobody else can come in: that is what saying nothing means there.
  const gateway = createGateway({ ...options, ...(asksNobody ? { auth: 'none' } : {}), logger });
  if (asksNobody) logger.warn('no --key-file: every program on this machine can use the gateway');

  const settings = {
    maxHeaderSize: MAX_HEADER_BYTES,
    noDelay: true,
    keepAlive: true,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
  };
  const server = createServer(settings, gateway.handler);
  // None is dropped, so that the policy which counts them sees them all; their bytes are bounded.
  server.maxHeadersCount = 0;
  answerExpectations(server, gateway.handler);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  await listen(server, host, values.port ?? 8080);
  const stops: (() => Promise<void>)[] = [];
  stopOnSignals(server, gateway, stops, logger);
  const { address, port, family } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    logger,
    onStop: (stop) => stops.push(stop),
  };
};

function listen(server: Server, host: string, port: number): Promise<void> {
  // A name would be left to a resolver, which may well say ::1.
  const address = host === 'localhost' ? '127.0.0.1' : host;
  return new Promise((fulfil, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      reject(
        new DrawbridgeError(
          'listen_failed',
          taken ? `port ${port} of ${host} is in use` : `cannot listen on ${host}:${port}`,
          {
            why: `${error.code} ${address}:${port}`,
          },
        ),
      );
    });
    server.listen({ host: address, port, backlog: 4096 }, fulfil);
  });
}

function stopOnSignals(server: Server, gateway: Gateway, stops: (() => Promise<void>)[], logger: Logger): void {
  let isStopping = false;
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(signal, async () => {
      if (isStopping) process.exit(128 + number);
      isStopping = true;
      logger.info(`${signal}: stopping`);
      setTimeout(() => process.exit(128 + number), DRAIN_MS).unref();
      server.close();
      await gateway.close();
      server.closeIdleConnections();
      await Promise.all(stops.map((stop) => stop()));
      process.exit(128 + number);
    });
  }
}

function helpText(): string {
  return `Usage
  mcp-drawbridge gateway --upstream <url> --key-file <file> [options]
  mcp-drawbridge gateway --demo [options]

Examples
  mcp-drawbridge keys add alice --key-file keys.json
  mcp-drawbridge gateway --upstream http://127.0.0.1:8000/sse \\
    --key-file keys.json

Options
${formatOptions(GATEWAY_COMMAND_OPTIONS)}

${environmentNote(GATEWAY_COMMAND_OPTIONS[0])}
`;
}
