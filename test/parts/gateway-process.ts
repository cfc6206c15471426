/** The built gateway as a process of its own, as an operator starts it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { within } from './deadline.ts';
import { writeKeyFile } from './gateway-server.ts';
import { BIN } from './run-cli.ts';

export interface GatewayProcess {
  readonly origin: string;
  readonly child: ChildProcess;
  readonly alice: { readonly Authorization: string };
  readonly bob: { readonly Authorization: string };
  /** All of stderr so far. */
  log(): string;
  close(): Promise<void>;
}

export function startGatewayProcess(upstream: string, options: readonly string[] = []): Promise<GatewayProcess> {
  return startProcess(['--upstream', upstream, ...options], {});
}

/** In front of a command that it starts; `env` is added to its own environment. */
export function startCommandGateway(
  command: readonly string[],
  options: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<GatewayProcess> {
  return startProcess([...options, '--', ...command], env);
}

async function startProcess(
  options: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<GatewayProcess> {
  const { path, keys, remove } = writeKeyFile(['alice', 'bob']);
  const args = [BIN, 'gateway', '--key-file', path, '--port', '0', ...options];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
  let log = '';
  const origin = await within(
    15_000,
    'the gateway says where it listens',
    new Promise<string>((fulfil, reject) => {
      child.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString();
        const found = /listening on (https?:\/\/\S+),/.exec(log)?.[1];
        if (found !== undefined) fulfil(found);
      });
      child.on('exit', (code) => reject(new Error(`the gateway ended with ${code}:\n${log}`)));
    }),
  );
  return {
    origin,
    child,
    alice: { Authorization: `Bearer ${keys['alice']}` },
    bob: { Authorization: `Bearer ${keys['bob']}` },
    log: () => log,
    close: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        await within(12_000, 'the gateway ends', exited);
      }
      remove();
    },
  };
}
