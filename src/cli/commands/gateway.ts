import { readFileSync } from 'node:fs';
import { GATEWAY_COMMAND_OPTIONS } from '../../config/gateway-options.ts';
import { environmentNote, formatOptions } from '../../config/help.ts';
import { parseOptions } from '../../config/parse-options.ts';
import { DrawbridgeError } from '../../errors.ts';
import { createGateway, type Gateway } from '../../gateway/gateway.ts';
import type { GatewayOptions } from '../../gateway/gateway-options.ts';
import { type Listener, listen } from '../../gateway/listener/listener.ts';
import { type Logger, secretsOf } from '../../log.ts';
import { isLoopback } from '../../upstream/dial/loopback.ts';
import { type GatewayValues, gatewayOptionsOf, listenerOptionsOf } from '../gateway-settings.ts';
import { parseHeaders } from '../headers.ts';
import { createStderrLogger, reporting, usageError } from '../report.ts';
import { parseServerUrl, showUrl } from '../server-url.ts';

type Values = GatewayValues;

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

  const listener = await listen(gateway.handler, listenerOptionsOf(values, logger));
  if (listener.redirectUrl !== undefined) logger.info(`redirecting from ${listener.redirectUrl}`);
  const stops: (() => Promise<void>)[] = [];
  stopOnSignals(listener, gateway, stops, logger);
  return { url: listener.url, logger, onStop: (stop) => stops.push(stop) };
};

function stopOnSignals(listener: Listener, gateway: Gateway, stops: (() => Promise<void>)[], logger: Logger): void {
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
      const closed = listener.close();
      await gateway.close();
      await closed;
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
