import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { GATEWAY_COMMAND_OPTIONS } from '../../config/gateway-options.ts';
import { environmentNote, formatOptions } from '../../config/help.ts';
import { type ParsedOptions, parseOptions } from '../../config/parse-options.ts';
import { type Logger, secretsOf } from '../../log.ts';
import { formatEffective } from '../check-config.ts';
import { ConfigReloader } from '../gateway-reload.ts';
import { type GatewayValues, namedServersOf, requireUpstream } from '../gateway-settings.ts';
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
  const logger = loggerOf(values);
  const running = await startGateway(values, {}, logger);
  const { version: nodeVersion, env, execArgv } = process;
  for (const warning of startWarnings(values, { nodeVersion, env, execArgv, origins: parsed.origins }))
    logger.warn(warning);
  await reloadOnChange(args, values, running);
  logger.info(`listening on ${running.url}, in front of ${nameServers(values)}`);
});

/** The YAML reader is loaded where a file is named, and nowhere else. */
async function read(args: readonly string[]): Promise<Parsed> {
  const { parseYamlConfig } = await import('../yaml-config.ts');
  return parseOptions(GATEWAY_COMMAND_OPTIONS, {
    args,
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
    parseConfig: parseYamlConfig,
  });
}

function checkArguments({ values, positionals, rest }: Parsed): void {
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
  if (values.demo !== true) return;
  for (const name of ['upstream', 'upstreams', 'key-file', 'auth'] as const) {
    if (values[name] !== undefined)
      throw usageError(`--demo cannot be used with --${name}`, {
        why: 'the demo brings its own server and key',
        hint: 'Leave one of the two out.',
      });
  }
}

function loggerOf(values: GatewayValues): Logger {
  const own = parseHeaders(values['upstream-header'] ?? [], { where: '--upstream-header' });
  const named = Object.values(namedServersOf(values)).map(({ upstreamHeaders = {} }) => upstreamHeaders);
  const secrets = [own, ...named].flatMap((headers) => secretsOf(headers));
  return createStderrLogger(values['log-level'] ?? 'info', secrets, values['log-format']);
}

/** Such as `http://a/sse, http://b/sse; http://c/mcp as /crm`. */
function nameServers({ upstream = [], upstreams = {} }: GatewayValues): string {
  const named = Object.entries(upstreams).map(([name, server]) => `${nameUrls(server.upstream)} as /${name}`);
  return [...(upstream.length === 0 ? [] : [nameUrls(upstream)]), ...named].join('; ');
}

function nameUrls(urls: readonly string[] = []): string {
  return urls.map(showUrl).join(', ');
}

/** On SIGHUP, and when the configuration file changes. */
async function reloadOnChange(args: readonly string[], values: GatewayValues, running: RunningGateway): Promise<void> {
  const { parseYamlConfig: parseConfig } = await import('../yaml-config.ts');
  const { gateway, listener, logger } = running;
  const sources = { args, env: process.env, readFile: (path: string) => readFileSync(path, 'utf8'), parseConfig };
  const reloader = new ConfigReloader(values, {
    read: () => parseOptions(GATEWAY_COMMAND_OPTIONS, sources).values,
    apply: (next) => {
      // It goes on listening where it does, whatever the file says by now.
      const { host, ...rest } = next;
      const where = values.host === undefined ? {} : { host: values.host };
      gateway.reload({ ...meantOptions({ ...rest, ...where }, {}), logger });
    },
    logger,
  });
  process.on('SIGHUP', () => {
    reloader.run('SIGHUP');
    void listener.reloadCertificates();
  });
  const { config } = values;
  if (config === undefined) return;
  watchFile(config, { interval: POLL_MS, persistent: false }, (now, before) => {
    if (now.mtimeMs !== before.mtimeMs || now.ino !== before.ino) reloader.run(config);
  });
  running.onStop(() => unwatchFile(config));
}

function helpText(): string {
  return `Usage
  mcp-drawbridge gateway --upstream <url> --key-file <file> [options]
  mcp-drawbridge gateway --config drawbridge.yaml [--check-config]
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
