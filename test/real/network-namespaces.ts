/**
 * Two networks of their own, joined by one cable that can be pulled: what goes on in them reaches no other network. They
 * last as long as the processes that hold them, which end with ours however it ends.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { until } from '../parts/deadline.ts';

export interface JoinedNetworks {
  /** The addresses of the near and the far machine. */
  readonly nearAddress: string;
  readonly farAddress: string;
  /** What stands before a command that is to run on the near, or the far machine. */
  readonly near: readonly string[];
  readonly far: readonly string[];
  /** Pulls the cable at the far machine: nothing arrives any more, and neither side is told. */
  cut(): Promise<void>;
  close(): void;
}

const run = promisify(execFile);
const NEAR = '10.213.77.1';
const FAR = '10.213.77.2';

/** Needs `unshare` and `nsenter` (util-linux), `ip` (iproute2), and root or user namespaces; rejects without them. */
export async function joinNetworks(): Promise<JoinedNetworks> {
  const isRoot = process.getuid?.() === 0;
  const holders: ChildProcess[] = [];
  const close = (): void => {
    for (const holder of holders.splice(0)) holder.stdin?.end();
  };
  const hold = async (command: string, args: readonly string[]): Promise<number> => {
    const holder = spawn(command, [...args, 'sh', '-c', 'echo here; read -r line'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    holders.push(holder);
    let output = '';
    for (const stream of [holder.stdout, holder.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk));
    let end: string | undefined;
    holder.once('error', (error) => (end = error.message)).once('exit', (code) => (end ??= `it ended with ${code}`));
    await until('a network namespace', () => output.includes('here') || end !== undefined);
    if (end !== undefined) throw new Error(`${command} makes no network namespace: ${end}\n${output}`);
    return holder.pid ?? 0;
  };
  const enter = (pid: number): string[] => [
    'nsenter',
    `--target=${pid}`,
    ...(isRoot ? [] : ['--user', '--preserve-credentials']),
    '--net',
  ];
  const ip = async ([command = '', ...before]: readonly string[], args: string): Promise<void> => {
    await run(command, [...before, 'ip', ...args.split(' ')]);
  };
  try {
    const nearPid = await hold('unshare', isRoot ? ['--net'] : ['--user', '--map-root-user', '--net']);
    const near = enter(nearPid);
    const [command = '', ...before] = isRoot ? [] : near.slice(0, -1);
    // Both belong to one user namespace, or a cable could not be laid between them.
    const farPid = isRoot ? await hold('unshare', ['--net']) : await hold(command, [...before, 'unshare', '--net']);
    const far = enter(farPid);
    await ip(near, `link add cable type veth peer name cable netns ${farPid}`);
    for (const [side, address] of [
      [near, NEAR],
      [far, FAR],
    ] as const) {
      await ip(side, `address add ${address}/30 dev cable`);
      await ip(side, 'link set cable up');
      await ip(side, 'link set lo up');
    }
    return { nearAddress: NEAR, farAddress: FAR, near, far, cut: () => ip(far, 'link set cable down'), close };
  } catch (error) {
    close();
    throw error;
  }
}
