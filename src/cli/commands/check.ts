import { readFileSync } from 'node:fs';
import { type Finding, HOPS } from '../../check/finding.ts';
import { environmentNote, formatOptions } from '../../config/help.ts';
import { CHECK_OPTIONS } from '../check-options.ts';
import { CheckReport } from '../check-report.ts';
import { type CheckSettings, readCheckSettings } from '../check-settings.ts';
import { findAll } from '../check-walk.ts';
import { expandHome } from '../read-file.ts';
import { reporting } from '../report.ts';

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** What a walk may take to end its sessions. */
const LAST_MS = 3000;
const REFUSED_CREDENTIAL = 4;
const UNREACHABLE = 3;

/** `mcp-drawbridge check`: looks at each hop on the way to a server, and names the one that fails. */
export const run = reporting(async (args) => {
  const settings = readCheckSettings(args, process.env, (path) => readFileSync(expandHome(path), 'utf8'));
  if (settings === 'help') {
    process.stdout.write(helpText());
    return;
  }
  await check(settings);
});

async function check(settings: CheckSettings): Promise<void> {
  const { target, secrets, isJson, mayColor } = settings;
  const report = new CheckReport({
    target: target.shown,
    secrets,
    hasColor: mayColor && process.stdout.isTTY === true,
  });
  const { signal, ended, stop } = stopOnSignals();
  // Nobody reads any more, as with `| head -1`: what is open is ended, and nothing is said of it.
  process.stdout.on('error', () => stop(undefined));
  for await (const finding of untilHop(findAll(settings, signal), settings.until)) {
    if (signal.aborted) continue;
    const lines = report.add(finding);
    if (!isJson) process.stdout.write(lines);
  }
  const { failsAt } = report.outcome;
  const code = ended() ?? (failsAt === undefined ? 0 : failsAt === 'challenge' ? REFUSED_CREDENTIAL : UNREACHABLE);
  const text = signal.aborted ? '' : isJson ? report.json() : report.summary();
  // What is under way and cannot be called back, such as a look-up of a name, must not hold the process.
  process.stdout.write(text, () => process.exit(code));
}

/** Hops come in their order; what comes after the last one wanted is not looked at. */
async function* untilHop(findings: AsyncGenerator<Finding>, until: CheckSettings['until']): AsyncGenerator<Finding> {
  const last = until === undefined ? HOPS.length : HOPS.indexOf(until);
  for await (const finding of findings) {
    if (HOPS.indexOf(finding.hop) > last) return;
    yield finding;
  }
}

interface Stop {
  readonly signal: AbortSignal;
  /** The exit code of the signal that came. */
  ended(): number | undefined;
  stop(code: number | undefined): void;
}

function stopOnSignals(): Stop {
  const controller = new AbortController();
  let ended: number | undefined;
  const stop = (code: number | undefined): void => {
    ended ??= code;
    controller.abort();
    setTimeout(() => process.exit(code ?? 0), LAST_MS).unref();
  };
  for (const [name, number] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      // The second time somebody means it.
      if (ended !== undefined) process.exit(128 + number);
      stop(128 + number);
    });
  }
  return { signal: controller.signal, ended: () => ended, stop };
}

function helpText(): string {
  return `Usage
  mcp-drawbridge check <url> [options]   walk to an MCP server, hop by hop
  mcp-drawbridge check postgresql://user@host:5432/database
                                         walk to a database; no password is sent
  mcp-drawbridge check                   this machine, and the files of its MCP
                                         clients

Examples
  mcp-drawbridge check http://127.0.0.1:8000/sse
  mcp-drawbridge check https://db.example.com/mcp \\
    --header "Authorization:Bearer \${TOKEN}"
  mcp-drawbridge check http://127.0.0.1:8080/ready --until http

Hops
  ${HOPS.slice(0, 11).join(', ')},
  ${HOPS.slice(11).join(', ')}

${formatOptions(CHECK_OPTIONS)}

${environmentNote(CHECK_OPTIONS[3])}

Exit codes: 0 nothing fails, 2 usage or configuration, 3 a hop fails, 4 the
server refuses the credential, 128 + n ended by signal n.
`;
}
