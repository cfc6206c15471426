/** Runs a program in a network of its own in which there is nothing but a few ports of this machine's 127.0.0.1. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './child-process.mjs';

const INSIDE = fileURLToPath(new URL('loopback-only-inside.mjs', import.meta.url));

export interface LoopbackOnly {
  /** Resolves to what the program writes to stdout; rejects where it fails, or where another network can be reached. */
  run(
    command: string,
    args: readonly string[],
    options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ): Promise<string>;
  close(): void;
}

/**
 * Paths of sockets are the same in every network: each port there leads through one to the same port here. Needs
 * `unshare` (util-linux), `ip` (iproute2), and root or user namespaces.
 */
export async function openLoopback(ports: readonly number[]): Promise<LoopbackOnly> {
  const folder = mkdtempSync(join(tmpdir(), 'loopback-'));
  const servers: Server[] = [];
  for (const port of ports) {
    const server = createServer((inside) => {
      const outside = connect(port, '127.0.0.1');
      inside.pipe(outside).pipe(inside);
      inside.on('error', () => outside.destroy()).on('close', () => outside.destroy());
      outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
    });
    servers.push(server);
    await new Promise<void>((fulfil) => server.listen(join(folder, `${port}`), fulfil));
  }
  const apart = process.getuid?.() === 0 ? ['--net'] : ['--user', '--map-root-user', '--net'];
  return {
    run: (command, args, { cwd, env }) =>
      run('unshare', [...apart, process.execPath, INSIDE, folder, ports.join(), command, ...args], {
        label: `${command.split('/').at(-1)} ${args.join(' ').slice(0, 60)}`,
        cwd,
        env,
        deadlineMs: 90_000,
      }),
    close: () => {
      for (const server of servers) server.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
