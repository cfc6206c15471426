import { readFileSync } from 'node:fs';
import { createBridge } from '../../bridge/bridge.ts';
import type { SshOptions } from '../../bridge/bridge-options.ts';
import { BRIDGE_OPTIONS } from '../../config/bridge-options.ts';
import { environmentNote, formatOptions } from '../../config/help.ts';
import { nearestName, parseOptions } from '../../config/parse-options.ts';
import { DrawbridgeError } from '../../errors.ts';
import { parseHeaders, secretsOf } from '../headers.ts';
import { createStderrLogger, reportAndExit, usageError } from '../report.ts';
import { parseServerUrl } from '../server-url.ts';

declare const DRAWBRIDGE_VERSION: string;

const COMMANDS = ['bridge', 'gateway', 'keys'];
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** `mcp-drawbridge <url>`: stdin and stdout become the client's side of the remote server. */
export function run(args: readonly string[]): void {
  const { values, positionals } = parseOptions(BRIDGE_OPTIONS, {
    args,
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  if (values.help === true || args.length === 0) {
    process.stdout.write(helpText());
    return;
  }
  if (values.version === true) {
    process.stdout.write(`${DRAWBRIDGE_VERSION}\n`);
    return;
  }
  // First, since a header that a shell has split is what else would be taken for the URL, and shown.
  const headers = parseHeaders(values.header ?? [], '--header');
  const url = serverUrl(positionals);
  const secrets = secretsOf(headers);
  const logger = createStderrLogger(values['log-level'] ?? 'info', secrets);
  const bridge = createBridge({
    url,
    input: process.stdin,
    output: process.stdout,
    transport: values.transport ?? 'auto',
    headers,
    family: values.family ?? '4',
    ...(values['connect-timeout-ms'] === undefined ? {} : { connectTimeoutMs: values['connect-timeout-ms'] }),
    ...(values.ssh === undefined ? {} : { ssh: sshOptions(values.ssh, values['ssh-key']) }),
    logger,
  });
  let signalled: number | undefined;
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      // The second time somebody means it.
      if (signalled !== undefined) process.exit(128 + number);
      signalled = number;
      bridge.close(new DrawbridgeError('shutting_down', `the bridge was ended by ${signal}`));
    });
  }
  bridge.done.then((error) => {
    if (signalled !== undefined) process.exit(128 + signalled);
    if (error === undefined) process.exit(0);
    reportAndExit(error, secrets);
  });
}

function sshOptions(destination: string, keyFile: string | undefined): SshOptions {
  return keyFile === undefined ? { destination } : { destination, keyFile };
}

function serverUrl([url, unexpected]: readonly string[]): URL {
  if (url === undefined)
    throw usageError('the URL of the MCP server is missing', {
      hint: 'Such as mcp-drawbridge http://127.0.0.1:8000/sse',
    });
  if (/^[a-z][a-z-]*$/i.test(url)) {
    const command = nearestName(url, COMMANDS);
    throw usageError(`unknown command '${url.slice(0, 60)}'`, {
      why: 'it is the name of no command, and no URL',
      ...(command === undefined ? {} : { hint: `Did you mean 'mcp-drawbridge ${command}'?` }),
    });
  }
  if (unexpected !== undefined) {
    throw usageError(`unexpected argument '${unexpected.slice(0, 60)}'`, { why: 'the URL is all that is expected' });
  }
  return parseServerUrl(url, 'the URL');
}

function helpText(): string {
  return `mcp-drawbridge: reach a remote MCP server from a client that only has stdio,
and guard an MCP server such as postgres-mcp with a gateway.

Usage
  mcp-drawbridge <url> [options]        connect a stdio client to that server
  mcp-drawbridge gateway [options]      guard an MCP server with keys and limits
  mcp-drawbridge keys add|list|revoke   access keys of a gateway

Examples
  npx mcp-drawbridge http://127.0.0.1:8000/sse
  npx mcp-drawbridge gateway --upstream http://127.0.0.1:8000/sse \\
    --key-file keys.json
  npx mcp-drawbridge gateway --demo

Options of mcp-drawbridge <url>
${formatOptions(BRIDGE_OPTIONS)}

${environmentNote(BRIDGE_OPTIONS[0])}
DRAWBRIDGE_HEADER may hold several headers, one a line; DRAWBRIDGE_HEADER_FILE
names a file of them.

Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 server
unreachable, 4 server refused our credential, 128 + n ended by signal n.
`;
}
