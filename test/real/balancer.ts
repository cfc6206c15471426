/** A private load balancer on 127.0.0.1 in front of several gateways, from its start until it listens to its end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, within } from '../parts/deadline.ts';
import { ensureInstalled } from './debian.mjs';
import { findFreePort } from './free-port.mjs';

export interface Balancer {
  readonly origin: string;
  stop(): Promise<void>;
}

export interface BalancerOptions {
  readonly path: string;
  /** The Debian package that has it. */
  readonly packageName: string;
  readonly configuration: (folder: string, port: number) => string;
  /** For the program; the configuration is the file `file`. */
  readonly args: (folder: string, file: string) => readonly string[];
}

export async function startBalancer({ path, packageName, configuration, args }: BalancerOptions): Promise<Balancer> {
  const command = await ensureInstalled({
    find: async () => (existsSync(path) ? path : undefined),
    missing: `${path} was not found`,
    packages: [packageName],
  });
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-balancer-'));
  const port = await findFreePort();
  const file = join(folder, 'balancer.conf');
  await writeFile(file, configuration(folder, port));
  const child = spawn(command, args(folder, file), { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await within(8000, `${packageName} ends`, exited);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until(`${packageName} listens`, () => takesConnections(port), 10_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { origin: `http://127.0.0.1:${port}`, stop };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((fulfil) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      fulfil(true);
    });
    socket.on('error', () => fulfil(false));
  });
}
