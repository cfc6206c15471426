/** Two gateways of the command line that are restarted one after the other, as an operator does it with a service. */
import { until } from '../parts/deadline.ts';
import { type CliProcess, startCli } from '../parts/run-cli.ts';
import { findFreePorts } from './free-port.mjs';

export interface RolledGateways {
  readonly ports: readonly number[];
  /**
   * Each is ended by SIGTERM and started anew when it has ended, so many times in turn; the next when the last is back.
   * Returns the exit codes.
   */
  roll(rounds: number, isBack?: (port: number) => Promise<boolean>): Promise<(number | null)[]>;
  stop(): void;
}

const LIMITS = ['--limit-requests', '1000000', '--limit-address', '1000000'];

export async function startRolledGateways(args: readonly string[]): Promise<RolledGateways> {
  const ports = await findFreePorts(2);
  const gateways = new Map<number, CliProcess>();
  const start = async (port: number): Promise<void> => {
    const gateway = startCli(['gateway', ...args, '--port', String(port), ...LIMITS, '--drain-delay', '0.5']);
    gateways.set(port, gateway);
    await gateway.logged(/listening on/, 20_000);
  };
  const restart = async (port: number): Promise<number | null> => {
    const gateway = gateways.get(port);
    gateway?.child.kill('SIGTERM');
    const exited = await gateway?.exited(15_000);
    await start(port);
    return exited?.code ?? null;
  };
  for (const port of ports) await start(port);
  return {
    ports,
    roll: async (rounds, isBack = () => Promise.resolve(true)) => {
      const codes: (number | null)[] = [];
      for (let round = 0; round < rounds; round++)
        for (const port of ports) {
          codes.push(await restart(port));
          await until('the gateway is back', () => isBack(port), 10_000);
        }
      return codes;
    },
    stop: () => {
      for (const gateway of gateways.values()) gateway.child.kill('SIGTERM');
    },
  };
}
