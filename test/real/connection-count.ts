import { readFileSync } from 'node:fs';

/** Connections to this port of 127.0.0.1 that are up, as the system has them (proc_pid_net(5): state 01). */
export function connectionCount(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return rows.filter(([, address, , state]) => address?.endsWith(local) && state === '01').length;
}
