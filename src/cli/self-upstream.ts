import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { DrawbridgeError } from '../errors.ts';
import type { GatewayOptions } from '../gateway/gateway-options.ts';
import { isLoopback } from '../upstream/dial/loopback.ts';

/**
 * Throws `config` where an upstream is the address on which the gateway listens: each session would open another one, and
 * so on. What leads back over a proxy or another name is found when the first request comes (`loop_detected`).
 */
export function refuseOwnAddress(
  { upstream, upstreams = {} }: Pick<GatewayOptions, 'upstream' | 'upstreams'>,
  host: string,
  port: number,
): void {
  for (const given of [upstream, ...Object.values(upstreams).map((server) => server.upstream)].flat()) {
    if (given === undefined || !URL.canParse(String(given))) continue;
    const url = new URL(given);
    const upstreamPort = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
    if (upstreamPort !== port || !isServedAt(url.hostname.replace(/^\[|\]$/g, ''), host)) continue;
    throw new DrawbridgeError('config', `--upstream ${url.host} is the gateway itself`, {
      why: `it listens on ${host}:${port}`,
      hint: 'Give the address of the MCP server, or another --port.',
    });
  }
}

/** Whether a connection to `name` would reach a server that listens on `host`. */
function isServedAt(name: string, host: string): boolean {
  if (addressOf(name) === addressOf(host)) return true;
  const isEverywhere = host === '0.0.0.0' || host === '::';
  if (!isEverywhere) return false;
  if (isLoopback(name) || name === '0.0.0.0' || name === '::') return true;
  if (isIP(name) === 0) return false;
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return own.some(({ address }) => address === name);
}

/** As names of this machine are dialled and listened on. */
function addressOf(host: string): string {
  return isIP(host) === 0 && isLoopback(host) ? '127.0.0.1' : host;
}
