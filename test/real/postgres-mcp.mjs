/**
 * The real postgres-mcp. For suites: `startPostgresMcp()`. For people: `npm run postgres-mcp -- [--port N]
 * [--variant V]` starts it on a PostgreSQL with sample data, until Ctrl-C.
 */
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cleanEnvironment, startServer, tailOf } from './child-process.mjs';
import { findFreePort, onFreePort } from './free-port.mjs';
import { startPostgres } from './postgres.mjs';
import { ensureVenv } from './python.mjs';

const PARENT_POLL_MS = 250;

/**
 * What each variant puts in the place of postgres-mcp 0.3.0's own requirements, which can no longer be installed.
 * The wire behaviour is that of the Python `mcp` package, hence their names.
 */
const VARIANTS = {
  '1.25.0': ['pglast>=7,<8', 'mcp[cli]==1.25.0'],
  '1.30.0': ['pglast>=7,<8', 'mcp[cli]==1.30.0'],
  '1.6.0': [
    'pglast>=7,<8',
    'mcp[cli]==1.6.0',
    'pydantic==2.11.3',
    'starlette==0.46.1',
    'uvicorn==0.34.0',
    'sse-starlette==2.2.1',
  ],
};
/** @typedef {keyof typeof VARIANTS} Variant */

/**
 * Installs a variant, once, and resolves to the folder of its virtual environment.
 * @param {Variant} [variant]
 * @returns {Promise<string>}
 */
export async function ensurePostgresMcp(variant = '1.25.0') {
  const overrides = Object.hasOwn(VARIANTS, variant) ? VARIANTS[variant] : undefined;
  if (!overrides) throw new Error(`variant ${variant} is unknown; there are ${Object.keys(VARIANTS).join(', ')}`);
  return await ensureVenv(`postgres-mcp-${variant}`, ['postgres-mcp==0.3.0'], overrides);
}

/**
 * Starts postgres-mcp on 127.0.0.1.
 * @param {object} options
 * @param {string} options.databaseUri
 * @param {Variant} [options.variant]
 * @param {'restricted' | 'unrestricted'} [options.accessMode]
 * @param {'sse'} [options.transport] the only one over HTTP that the release has
 * @param {number} [options.port] default: a free one
 */
export async function startPostgresMcp(options) {
  const { databaseUri, variant = '1.25.0', accessMode = 'restricted', transport = 'sse', port: wanted } = options;
  const venv = await ensurePostgresMcp(variant);
  const env = cleanEnvironment({ DATABASE_URI: databaseUri, PYTHONUNBUFFERED: '1' });
  /** @param {number} port */
  const start = async (port) => {
    const address = ['--sse-host=127.0.0.1', `--sse-port=${port}`];
    const args = [`--access-mode=${accessMode}`, `--transport=${transport}`, ...address];
    const label = `postgres-mcp (mcp ${variant}) on port ${port}`;
    // Not every variant heeds SIGTERM once streams were opened; stop() gives it 5 s before SIGKILL.
    const server = await startServer(join(venv, 'bin', 'postgres-mcp'), args, {
      env,
      label,
      readyText: 'Uvicorn running on',
    });
    return { url: `http://127.0.0.1:${port}/sse`, port, ...server };
  };
  return wanted ? await start(await findFreePort(wanted)) : await onFreePort(start);
}

function readOptions() {
  const { values } = parseArgs({ options: { port: { type: 'string' }, variant: { type: 'string' } } });
  const port = Number(values.port ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is not a port number`);
  const variant = values.variant ?? '1.25.0';
  if (!Object.hasOwn(VARIANTS, variant)) {
    throw new Error(`--variant ${variant} is unknown; there are ${Object.keys(VARIANTS).join(', ')}`);
  }
  return { port, variant: /** @type {Variant} */ (variant) };
}

/** @param {Promise<number>} signalled resolves to the exit code that stands for the signal */
async function serve(signalled) {
  let isServing = false;
  // While starting there is nothing to end in order: guards kill the children and remove the folder as we exit.
  void signalled.then((exitCode) => isServing || process.exit(exitCode));
  const { port, variant } = readOptions();
  if (port) await findFreePort(port);
  process.stderr.write(`Starting PostgreSQL and postgres-mcp (mcp ${variant}); the first time installs it …\n`);
  const postgres = await startPostgres();
  try {
    const server = await startPostgresMcp({ databaseUri: postgres.uri, variant, port });
    isServing = true;
    try {
      process.stdout.write(`postgres-mcp is listening on ${server.url}\n`);
      process.stdout.write(`database: ${postgres.uri}; next: npx mcp-drawbridge ${server.url}\n`);
      const died = await Promise.race([
        signalled.then(() => undefined),
        server.exited.then((how) => `postgres-mcp ended by itself (${how || 'exit code 0'})\n${tailOf(server.log())}`),
        postgres.exited.then(
          (how) => `PostgreSQL ended by itself (${how || 'exit code 0'})\n${tailOf(postgres.log())}`,
        ),
      ]);
      if (died) throw new Error(died);
    } finally {
      await server.stop();
    }
  } finally {
    await postgres.stop();
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const signalled = new Promise((resolve) => {
    // They stay installed: npm passes on what the terminal sent us as well, and the second must not cut the end short.
    for (const [signal, exitCode] of Object.entries({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 })) {
      process.on(signal, () => resolve(exitCode));
    }
    // npm puts a shell in between, which keeps a SIGTERM to itself: that its process is gone is all we get to see.
    const parent = process.ppid;
    const lookForParent = () => process.ppid !== parent && resolve(143);
    if (process.env['npm_lifecycle_event']) setInterval(lookForParent, PARENT_POLL_MS).unref();
  });
  await serve(signalled).catch((error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  });
}
