/** What a process takes of the machine's memory, as the system counts it. */
import { readFileSync } from 'node:fs';

/** The most that the process had resident at any time so far; Linux alone tells it. */
export function peakRssBytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
