/** A relay between two transports in memory. */
import { DrawbridgeError } from '../../src/errors.ts';
import { type Logger, silentLogger } from '../../src/log.ts';
import { join, type Relay } from '../../src/relay/relay.ts';
import { MemoryTransport } from './memory-transport.ts';

export interface Joined {
  readonly down: MemoryTransport;
  readonly up: MemoryTransport;
  readonly relay: Relay;
  readonly ends: [by: string, code: string | undefined][];
  readonly warnings: string[];
}

export async function joined(options: { maxPending?: number } = {}): Promise<Joined> {
  const parts = unstarted(options);
  await parts.relay.ready;
  return parts;
}

export function unstarted(options: { maxPending?: number; down?: MemoryTransport; up?: MemoryTransport } = {}): Joined {
  const { down = new MemoryTransport(), up = new MemoryTransport(), ...rest } = options;
  const ends: Joined['ends'] = [];
  const warnings: string[] = [];
  const warn = (first: unknown, second?: string): void => void warnings.push(second ?? String(first));
  const logger: Logger = { ...silentLogger, warn };
  const relay = join(down, up, { ...rest, logger, onEnd: (by, error) => ends.push([by, error?.code]) });
  return { down, up, relay, ends, warnings };
}

export const lost = new DrawbridgeError('upstream_lost', 'the server went away');
export const errorFor = (id: string, code = 'upstream_lost', message = 'the server went away'): string => {
  const hint = { upstream_lost: 'Did the MCP server restart? Its log may say.', shutting_down: 'Connect again.' }[code];
  return `{"jsonrpc":"2.0","id":${id},"error":{"code":-32603,"message":"${message}","data":{"reason":"${code}","hint":"${hint}"}}}`;
};
/** Lets everything run that waits for nothing but promises. */
export const turn = (): Promise<void> => new Promise((fulfil) => setImmediate(fulfil));
