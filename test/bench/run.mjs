import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { benchBounds, planBoundsSeconds, selectBounds } from './bounds.mjs';
import { benchBridge, planBridgeSeconds, selectBridgeRows } from './bridge.mjs';
import { benchGateway, planSeconds, selectRows } from './gateway.mjs';
import { explainUnusable } from './process-stats.mjs';
import { killAll } from './processes.mjs';
import { benchStart, planStartSeconds, selectStart } from './start.mjs';

const HELP = `Usage: npm run bench -- bridge|gateway|start|bounds [options]     (after npm run build)

bridge: measures the bridge beside mcp-remote, which it installs once below .cache/, against the goals of each figure:
start, memory, calls one by one and 100 at once, CPU, large results, recovery from a restart of the server.
gateway: measures the gateway beside real proxies in the same run. The figure is the gateway's CPU time per message;
capacity = nginx's CPU time / the gateway's.
start: a bridge from spawn to its first answer, beside \`node -e 0\`; takes --rounds (five starts each), --bin and --json.
bounds: the gateway's memory under 5000 idle sessions and a client that does not read; takes --only, --bin and --json.

  --rounds N      counted rounds of each peer (default 3)
  --seconds N     gateway: length of a round; bridge: how long the calls in flight are counted (default 4)
  --sessions N    gateway: MCP sessions open at once (default 16)
  --in-flight N   gateway: messages in flight at once, over all sessions (default 64)
  --only NAMES    separated by commas. gateway: sse, direct, nginx, drawbridge; bridge: start, memory, sequential,
                  in-flight, large, recovery, sse, http, drawbridge, mcp-remote; bounds: idle-sse, idle-http, stalled
  --bin FILE      another build of bin/mcp-drawbridge.cjs
  --json FILE     write all figures of all rounds to FILE

Exit codes: 0 measured, 1 failed or an answer was wrong or missing, 2 usage.`;

const benches = {
  bridge: { run: benchBridge, select: selectBridgeRows, planSeconds: planBridgeSeconds },
  gateway: { run: benchGateway, select: selectRows, planSeconds },
  start: { run: benchStart, select: selectStart, planSeconds: planStartSeconds },
  bounds: { run: benchBounds, select: selectBounds, planSeconds: planBoundsSeconds },
};

class UsageError extends Error {}

/** @param {string} name @param {string} text @param {number} max */
function readNumber(name, text, max) {
  const value = Number(text);
  if (value > 0 && value <= max && (Number.isInteger(value) || name === 'seconds')) return value;
  throw new UsageError(`--${name} ${text}: a number from 1 to ${max} is needed`);
}

function readOptions(argv) {
  const text = (value) => ({ type: 'string', ...(value === undefined ? {} : { default: value }) });
  let parsed;
  try {
    parsed = parseArgs({
      args: argv,
      allowPositionals: true,
      options: {
        rounds: text('3'),
        seconds: text('4'),
        sessions: text('16'),
        'in-flight': text('64'),
        only: text(''),
        bin: text(),
        json: text(),
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(error.message);
  }
  const { values, positionals } = parsed;
  if (values.help) return { help: true };
  const bench = benches[positionals[0]];
  if (bench === undefined || positionals.length > 1) {
    throw new UsageError(`name one bench: ${Object.keys(benches).join(', ')}`);
  }
  const options = {
    rounds: readNumber('rounds', values.rounds, 50),
    seconds: readNumber('seconds', values.seconds, 60),
    sessions: readNumber('sessions', values.sessions, 1_000),
    inFlight: readNumber('in-flight', values['in-flight'], 2_000),
    only: values.only.split(',').filter((name) => name !== ''),
    bin: values.bin,
  };
  try {
    bench.select(options);
  } catch (error) {
    throw new UsageError(error.message);
  }
  return { bench, options, json: values.json };
}

async function main() {
  const { help, bench, options, json } = readOptions(process.argv.slice(2));
  if (help) return console.log(HELP);
  const unusable = explainUnusable();
  if (unusable !== '') throw new Error(unusable);
  // Starting and installing a peer may take minutes once; a run that hangs must end all the same.
  const deadline = setTimeout(
    () => {
      console.error('bench: the run took far longer than planned');
      process.exit(1);
    },
    (bench.planSeconds(options) * 1.5 + 300) * 1000,
  );
  const report = await bench.run(options).finally(() => clearTimeout(deadline));
  if (json === undefined) return;
  mkdirSync(dirname(json), { recursive: true });
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
}

process.on('exit', killAll);
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

try {
  await main();
} catch (error) {
  console.error(`bench: ${error.message}`);
  if (error instanceof UsageError) console.error('Try `npm run bench -- --help`.');
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
