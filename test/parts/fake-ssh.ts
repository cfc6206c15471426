/** A program in the place of ssh, for what a real one cannot be brought to do; it keeps what it was started with. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';

export interface FakeSsh {
  readonly command: string;
  /** The arguments of each start, oldest first. */
  starts(): readonly { readonly pid: number; readonly args: readonly string[] }[];
}

/** What the scripts may use. */
const PREAMBLE = `
const { appendFileSync, readFileSync, writeSync } = require('node:fs');
const { createServer, connect } = require('node:net');
const args = process.argv.slice(2);
appendFileSync(__dirname + '/starts', JSON.stringify({ pid: process.pid, args }) + '\\n');
const start = readFileSync(__dirname + '/starts', 'utf8').trim().split('\\n').length;
const port = Number(args[args.indexOf('-L') + 1].split(':')[1]);
const say = (text) => writeSync(2, text);
/** Listens, as ssh does by then, and says so. */
const up = (onConnection = () => {}) =>
  createServer(onConnection).listen(port, '127.0.0.1', () => say('debug1: Entering interactive session.\\r\\n'));
`;

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/** Its folder is gone after the test. */
export function makeFakeSsh(script: string): FakeSsh {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-fake-ssh-'));
  folders.push(folder);
  const command = join(folder, 'ssh');
  writeFileSync(command, `#!${process.execPath}\n${PREAMBLE}\n${script}\n`, { mode: 0o755 });
  const record = join(folder, 'starts');
  return {
    command,
    starts: () =>
      existsSync(record)
        ? readFileSync(record, 'utf8')
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line) as { pid: number; args: string[] })
        : [],
  };
}
