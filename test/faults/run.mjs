import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { FAMILIES, NotApplicable, play } from './suite.mjs';

const HELP = `Usage: npm run faults -- [options]     (after npm run build)

Stages each fault of the recovery contract against one or more stdio bridges, and shows which of them do what they must.

  --bridge COMMAND   a bridge, {url} standing for the server's URL; repeatable
                     (default: node bin/mcp-drawbridge.cjs {url})
  --only TEXTS       scenarios whose family or name holds one of these, separated by commas
  --transport KIND   sse or http alone
  --full             outages as long as the contract names them, not shortened
  --json FILE        write what was seen to FILE

For example, beside mcp-remote:

  npm run faults -- --bridge 'node bin/mcp-drawbridge.cjs {url}' --bridge 'npx -y mcp-remote@0.15.1 {url} --allow-http'

Exit codes: 0 the first bridge passed, 1 it did not, 2 usage.`;

const OURS = 'node bin/mcp-drawbridge.cjs {url}';

class UsageError extends Error {}

function readOptions(argv) {
  let values;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        bridge: { type: 'string', multiple: true, default: [OURS] },
        only: { type: 'string', default: '' },
        transport: { type: 'string' },
        full: { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  const { bridge, only, transport, full, json, help } = values;
  if (transport !== undefined && !['sse', 'http'].includes(transport))
    throw new UsageError('--transport is sse or http');
  for (const command of bridge) {
    if (!command.includes('{url}')) throw new UsageError(`--bridge '${command}' has no {url}`);
  }
  const turns = selectTurns(
    only.split(',').filter((text) => text !== ''),
    transport,
  );
  if (turns.length === 0) throw new UsageError(`--only ${only}: no scenario has such a name`);
  return { commands: bridge, turns, isFull: full, json, help };
}

/** Each scenario over each of its transports. */
function selectTurns(texts, transport) {
  const isWanted = (family, name) =>
    texts.length === 0 || texts.some((text) => (text in FAMILIES ? text === family : name.includes(text)));
  return Object.entries(FAMILIES).flatMap(([family, scenarios]) =>
    scenarios
      .filter(({ name }) => isWanted(family, name))
      .flatMap((scenario) => scenario.transports.map((kind) => ({ family, scenario, kind })))
      .filter(({ kind }) => transport === undefined || kind === transport),
  );
}

/** Words, some of them in quotes; no shell reads it. */
function splitCommand(command) {
  return [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare,
  );
}

async function playTurn({ family, scenario, kind }, command, isFull) {
  const startedAt = performance.now();
  let outcome = 'pass';
  let seen = '';
  try {
    await play(scenario, { command: splitCommand(command), kind, isFull });
  } catch (error) {
    outcome = error instanceof NotApplicable ? 'n/a' : 'FAIL';
    seen = error.message;
  }
  const ms = Math.round(performance.now() - startedAt);
  return { family, scenario: scenario.name, transport: kind, bridge: command, outcome, ms, seen };
}

function oneLine(text) {
  return text.replaceAll(/\s+/g, ' ').trim();
}

async function main() {
  const { commands, turns, isFull, json, help } = readOptions(process.argv.slice(2));
  if (help) return console.log(HELP);
  for (const [index, command] of commands.entries()) console.log(`[${index + 1}] ${command}`);
  console.log(`\n| scenario | transport | ${commands.map((_, index) => `[${index + 1}]`).join(' | ')} |`);
  console.log(`|---|---|${'---|'.repeat(commands.length)}`);
  const results = [];
  for (const turn of turns) {
    const row = [];
    for (const command of commands) row.push(await playTurn(turn, command, isFull));
    results.push(...row);
    const cells = row.map(({ outcome, ms }) => `${outcome} ${(ms / 1000).toFixed(1)} s`);
    console.log(`| ${turn.family}: ${turn.scenario.name} | ${turn.kind} | ${cells.join(' | ')} |`);
  }
  for (const [index, command] of commands.entries()) {
    const own = results.filter(({ bridge }) => bridge === command);
    const count = (outcome) => own.filter((result) => result.outcome === outcome).length;
    console.log(`\n[${index + 1}] ${command}: ${count('pass')} pass, ${count('FAIL')} FAIL, ${count('n/a')} n/a`);
    for (const { scenario, transport, outcome, seen } of own) {
      if (outcome !== 'pass') console.log(`- ${outcome} ${transport}: ${scenario}\n    ${oneLine(seen)}`);
    }
  }
  if (json !== undefined) {
    mkdirSync(dirname(json), { recursive: true });
    writeFileSync(json, `${JSON.stringify({ isFull, node: process.version, results }, null, 2)}\n`);
  }
  if (results.some(({ bridge, outcome }) => bridge === commands[0] && outcome === 'FAIL')) process.exitCode = 1;
}

// Bridges are in groups of their own; they end with this process, in whatever way it is told to.
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

try {
  await main();
} catch (error) {
  console.error(`faults: ${error.message}`);
  if (error instanceof UsageError) console.error('Try `npm run faults -- --help`.');
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
