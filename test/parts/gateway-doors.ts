/** One gateway behind every kind of server it can have: its own, a plain one, an Express app. */
import express from 'express';
import { expect } from 'vitest';
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { writeKeyFile } from './gateway-server.ts';
import { exchange, type ListeningServer, listenAsCli, listenPlainly, statusOf } from './raw-socket.ts';
import { type SilentUpstream, startSilentUpstream } from './silent-upstream.ts';

export const DOORS = ['cli', 'plain', 'express'] as const;
export type Door = (typeof DOORS)[number];

export interface GatewayDoors {
  readonly gateway: Gateway;
  readonly upstream: SilentUpstream;
  readonly ports: Readonly<Record<Door, number>>;
  readonly origin: string;
  /** Alice's header, as an object and as a line. */
  readonly alice: { readonly Authorization: string };
  readonly aliceLine: string;
  close(): Promise<void>;
}

export async function startGatewayDoors(
  options: Omit<GatewayOptions, 'upstream' | 'keyFile'> = {},
): Promise<GatewayDoors> {
  const upstream = await startSilentUpstream();
  const { path, keys, remove } = writeKeyFile(['alice']);
  const gateway = createGateway({
    upstream: upstream.url,
    keyFile: path,
    allowedOrigins: ['https://app.example.com'],
    ...options,
  });
  const app = express();
  app.use(gateway.router);
  const servers: ListeningServer[] = [
    await listenAsCli(gateway.handler),
    await listenPlainly(gateway.handler),
    await listenPlainly(app),
  ];
  const [cli, plain, inExpress] = servers.map(({ port }) => port) as [number, number, number];
  const Authorization = `Bearer ${keys['alice']}`;
  return {
    gateway,
    upstream,
    ports: { cli, plain, express: inExpress },
    origin: `http://127.0.0.1:${cli}`,
    alice: { Authorization },
    aliceLine: `Authorization: ${Authorization}`,
    close: async () => {
      await gateway.close();
      await Promise.all(servers.map((server) => server.close()));
      await upstream.close();
      remove();
    },
  };
}

/** Sends the bytes to a door and checks that it refuses them, closes the connection, and sends nothing upstream. */
export async function expectRefused(
  doors: GatewayDoors,
  door: Door,
  bytes: string | Buffer,
  statuses: readonly number[] = [400],
): Promise<string> {
  const before = doors.upstream.requests.length;
  const text = await exchange(doors.ports[door], bytes);
  expect(statuses, text).toContain(statusOf(text));
  expect(text.toLowerCase()).toContain('connection: close');
  expect(text.match(/HTTP\/1\.1 \d{3} /g), text).toHaveLength(1);
  expect(doors.upstream.requests.length).toBe(before);
  return text;
}
