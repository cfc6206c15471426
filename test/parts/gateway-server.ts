/** A gateway on a loopback port of its own, with keys for alice and bob. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKey, formatKeyFile, hashKey, type KeyRecord } from '../../src/gateway/authenticators/key-file.ts';
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';

export interface TestGateway {
  readonly gateway: Gateway;
  readonly origin: string;
  readonly port: number;
  readonly alice: { readonly Authorization: string };
  readonly bob: { readonly Authorization: string };
  readonly keyFile: string;
  readonly server: Server;
  /** Connections of clients that are open. */
  connectionCount(): number;
  close(): Promise<void>;
}

/** What a key says besides its name and hash. */
export type KeyRules = Partial<Omit<KeyRecord, 'name' | 'hash'>>;

/** Writes a key file; the returned function removes it. */
export function writeKeyFile(
  names: readonly string[],
  rules: Readonly<Record<string, KeyRules>> = {},
): {
  path: string;
  keys: Record<string, string>;
  remove: () => void;
} {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-keys-'));
  const path = join(folder, 'keys.json');
  const keys = Object.fromEntries(names.map((name) => [name, createKey()]));
  const records = names.map((name) => ({
    name,
    hash: hashKey(keys[name]!),
    created: '2026-01-01T00:00:00.000Z',
    ...rules[name],
  }));
  writeFileSync(path, formatKeyFile(records), { mode: 0o600 });
  return { path, keys, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export async function startGateway(
  options: Omit<GatewayOptions, 'keyFile'>,
  rules: Readonly<Record<string, KeyRules>> = {},
): Promise<TestGateway> {
  const { path, keys, remove } = writeKeyFile(['alice', 'bob'], rules);
  const gateway = createGateway({ keyFile: path, ...options });
  const server = createServer(gateway.handler);
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    socket.on('close', () => connections--);
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const { port } = server.address() as AddressInfo;
  return {
    gateway,
    origin: `http://127.0.0.1:${port}`,
    port,
    alice: { Authorization: `Bearer ${keys['alice']}` },
    bob: { Authorization: `Bearer ${keys['bob']}` },
    keyFile: path,
    server,
    connectionCount: () => connections,
    close: async () => {
      await gateway.close();
      server.closeAllConnections();
      await new Promise<void>((fulfil) => server.close(() => fulfil()));
      remove();
    },
  };
}
