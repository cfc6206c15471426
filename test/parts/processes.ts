/** What is left running on this machine, and a stdin that ends with no process. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The command lines of all processes that have `text` in theirs; one that has ended and was not waited for has none. */
export function processesWith(text: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((id) => {
      try {
        const line = readFileSync(`/proc/${id}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return line.includes(text) ? [`${id} ${line}`] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

/** Whether the process is there; one that was not yet asked for after its end counts. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

export interface OpenPipe {
  /** A named pipe. */
  readonly path: string;
  /** For `stdio` of a child. */
  readonly fd: number;
  writeLine(line: string): void;
  close(): void;
}

/** A pipe that this process holds open: Node closes the one that it makes for a child's stdin when that child ends. */
export function openPipe(): OpenPipe {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-pipe-'));
  const path = join(folder, 'stdin');
  execFileSync('mkfifo', [path]);
  // For reading too, since opening one end alone would wait for the other.
  const fd = openSync(path, 'r+');
  return {
    path,
    fd,
    writeLine: (line) => writeSync(fd, `${line}\n`),
    close: () => {
      closeSync(fd);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
