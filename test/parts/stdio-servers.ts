/** The tests' MCP servers over stdio, as the commands that start them, and what they leave behind. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import { type Logger, silentLogger } from '../../src/log.ts';
import { isAlive } from './processes.ts';

const part = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

export const STDIO_SERVER: readonly [string, ...string[]] = [process.execPath, part('stdio-server.mjs')];

export type Fault =
  | 'dies-at-once'
  | 'ignores-the-end'
  | 'reads-nothing'
  | 'never-answers'
  | 'never-answers-calls'
  | 'closes-its-output'
  | 'prints-garbage'
  | 'sends-a-huge-line'
  | 'floods-its-log';

export function faultyServer(fault: Fault): readonly [string, ...string[]] {
  return [process.execPath, part('faulty-stdio-server.mjs'), fault];
}

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export interface PidFile {
  /** For the environment of a stdio server. */
  readonly PIDS: string;
  /** Of the servers that have started, and their grandchildren, oldest first. */
  all(): number[];
  /** Those that still run. */
  alive(): number[];
}

/** Where stdio servers write their process ids; gone after the test. */
export function makePidFile(): PidFile {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-pids-'));
  folders.push(folder);
  const PIDS = join(folder, 'pids');
  const all = (): number[] =>
    existsSync(PIDS) ? readFileSync(PIDS, 'utf8').trim().split('\n').filter(Boolean).map(Number) : [];
  return { PIDS, all, alive: () => all().filter(isAlive) };
}

/** A logger that keeps its lines: level, sentence, fields. */
export function keepLog(): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const keep =
    (level: string) =>
    (first: string | Readonly<Record<string, unknown>>, message?: string): void => {
      lines.push(typeof first === 'string' ? `${level} ${first}` : `${level} ${message} ${JSON.stringify(first)}`);
    };
  const logger = { ...silentLogger, error: keep('error'), warn: keep('warn'), info: keep('info') } as Logger;
  return { logger, lines };
}
