import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { GATEWAY_COMMAND_OPTIONS } from '../../config/gateway-options.ts';
import { environmentNote, formatOptions } from '../../config/help.ts';
import { type ParsedOptions, parseOptions } from '../../config/parse-options.ts';
import { type Logger, secretsOf } from '../../log.ts';
import { formatEffective } from '../check-config.ts';
import { commandOptionsOf, commandSecrets, showCommand, withCommand } from '../command-settings.ts';
import { commandWarnings } from '../command-warnings.ts';
import { ConfigReloader } from '../gateway-reload.ts';
import { type GatewayValues, namedServersOf, requireUpstream, type ServerValues } from '../gateway-settings.ts';
import { meantOptions, type RunningGateway, startGateway, tryStart } from '../gateway-start.ts';
import { parseHeaders } from '../headers.ts';
import { createStderrLogger, reporting, usageError } from '../report.ts';
import { showUrl } from '../server-url.ts';
import { startWarnings } from '../start-warnings.ts';

type Parsed = ParsedOptions<typeof GATEWAY_COMMAND_OPTIONS>;

/** How often the configuration file is looked at. */
const POLL_MS = 2000;

/** `mcp-drawbridge gateway`: the front door as a server of its own. */
export const run = reporting(async (args) => {
  const parsed = await read(args);
  const { values } = parsed;
  if (values.help === true) {
    process.stdout.write(helpText());
    return;
  }
  checkArguments(parsed);
  if (values.demo === true) {
    const { runDemo } = await import('../demo-tour.ts');
    await runDemo(values, (own, more) => startGateway(own, more, loggerOf(own)));
    return;
  }
  requireUpstream(values);
  if (values['check-config'] === true) {
    await tryStart(values, loggerOf({ ...values, 'log-level': 'error' }));
    process.stdout.write(`${formatEffective(values, parsed.origins)}The configuration is valid.\n`);
    return;
  }
  // Of what lives as long as a request, V8 may come to think that it lives for ever: put where it is collected last, it
  // keeps all that it refers to, and a request of 2026-07-28 costs half as much again.
  setFlagsFromString('--no-allocation-site-pretenuring');
  const logger = loggerOf(values);
  const running = await startGateway(values, {}, logger);
  const { version: nodeVersion, env, execArgv } = process;
  const { origins } = parsed;
  const warnings = startWarnings(values, { nodeVersion, env, execArgv, origins });
  const commands = [values, ...Object.values(values.upstreams ?? {})].map((server) => commandOptionsOf(server, env));
  for (const command of commands) warnings.push(...commandWarnings(command ?? {}, origins));
  for (const warning of warnings) logger.warn(warning);
  await reloadOnChange(args, values, running);
  logger.info(`listening on ${running.url}, in front of ${nameServers(values)}`);
});

/** The YAML reader is loaded where a file is named, and nowhere else. */
async function read(args: readonly string[]): Promise<Parsed> {
  const { parseYamlConfig } = await import('../yaml-config.ts');
  return withCommand(
    parseOptions(GATEWAY_COMMAND_OPTIONS, {
      args,
      env: process.env,
      readFile: (path) => readFileSync(path, 'utf8'),
      parseConfig: parseYamlConfig,
    }),
  );
}

function checkArguments({ values, positionals }: Parsed): void {
  if (positionals[0] !== undefined) {
    throw usageError(`unexpected argument '${showUrl(positionals[0])}'`, {
      why: 'the gateway takes options, and a command after --',
      hint: /^https?:/i.test(positionals[0]) ? 'Write --upstream before the URL.' : 'Write -- before a command.',
    });
  }
  if (values.demo !== true) return;
  for (const name of ['upstream', 'upstreams', 'command', 'key-file', 'auth'] as const) {
    if (values[name] !== undefined)
      throw usageError(`--demo cannot be used with --${name}`, {
        why: 'the demo brings its own server and key',
        hint: 'Leave one of the two out.',
      });
  }
}

function loggerOf(values: GatewayValues): Logger {
  const own = parseHeaders(values['upstream-header'] ?? [], { where: '--upstream-header' });
  const named = Object.values(values.upstreams ?? {});
  const headers = Object.values(namedServersOf(values)).map(({ upstreamHeaders = {} }) => upstreamHeaders);
  const secrets = [
    ...[own, ...headers].flatMap((some) => secretsOf(some)),
    ...[values, ...named].flatMap((server) => commandSecrets(server, process.env)),
  ];
  return createStderrLogger(values['log-level'] ?? 'info', secrets, values['log-format']);
}

/** Such as `http://a/sse, http://b/sse; postgres-mcp as /crm`. */
function nameServers(values: GatewayValues): string {
  const named = Object.entries(values.upstreams ?? {}).map(([name, server]) => `${nameServer(server)} as /${name}`);
  const hasRoot = values.upstream !== undefined || values.command !== undefined;
  return [...(hasRoot ? [nameServer(values)] : []), ...named].join('; ');
}

function nameServer({ upstream = [], command }: ServerValues): string {
  return command === undefined ? upstream.map(showUrl).join(', ') : showCommand(command);
}

/** On SIGHUP, and when the configuration file changes. */
async function reloadOnChange(args: readonly string[], values: GatewayValues, running: RunningGateway): Promise<void> {
  const { parseYamlConfig: parseConfig } = await import('../yaml-config.ts');
  const { gateway, listener, logger, isStopping } = running;
  const sources = { args, env: process.env, readFile: (path: string) => readFileSync(path, 'utf8'), parseConfig };
  const reloader = new ConfigReloader(values, {
    read: () => withCommand(parseOptions(GATEWAY_COMMAND_OPTIONS, sources)).values,
    apply: (next) => {
      // It goes on listening where it does, whatever the file says by now.
      const { host, ...rest } = next;
      const where = values.host === undefined ? {} : { host: values.host };
      gateway.reload({ ...meantOptions({ ...rest, ...where, port: listener.port }, {}), logger });
    },
    logger,
  });
  process.on('SIGHUP', () => {
    if (isStopping()) return logger.info('SIGHUP: nothing is read again, the gateway is being stopped');
    reloader.run('SIGHUP');
    void listener.reloadCertificates();
  });
  const { config } = values;
  if (config === undefined) return;
  watchFile(config, { interval: POLL_MS, persistent: false }, (now, before) => {
    if (isStopping()) return;
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) reloader.run(config);
  });
  running.onStop(() => unwatchFile(config));
}

function helpText(): string {
  return `Usage
  mcp-drawbridge gateway --upstream <url> --key-file <file> [options]
  mcp-drawbridge gateway --key-file <file> [options] -- <command> [arguments]
  mcp-drawbridge gateway --config drawbridge.yaml [--check-config]
  mcp-drawbridge gateway --demo [options]

Examples
  mcp-drawbridge keys add alice --key-file keys.json
  mcp-drawbridge gateway --upstream http://127.0.0.1:8000/sse \\
    --key-file keys.json
  mcp-drawbridge gateway --key-file keys.json \\
    -- postgres-mcp --access-mode=restricted

Options
${formatOptions(GATEWAY_COMMAND_OPTIONS)}

${environmentNote(GATEWAY_COMMAND_OPTIONS[0])}
`;
}
