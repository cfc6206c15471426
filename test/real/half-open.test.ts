import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { type CliProcess, startCli } from '../parts/run-cli.ts';
import { answers, callTool, handshake, reasonOf } from '../parts/stdio-messages.ts';
import { type JoinedNetworks, joinNetworks } from './network-namespaces.ts';

let networks: JoinedNetworks;
let server: ChildProcessWithoutNullStreams;
let heard = '';

beforeAll(async () => {
  networks = await joinNetworks();
  const [command = '', ...args] = networks.far;
  const script = fileURLToPath(new URL('hanging-mcp-server.mjs', import.meta.url));
  server = spawn(command, [...args, process.execPath, script, networks.farAddress]);
  server.stdout.on('data', (chunk: Buffer) => (heard += chunk));
  server.stdin.on('error', () => {});
  await until('the server to listen', () => /^\d+\n/.test(heard));
});
afterAll(() => {
  server?.stdin.end();
  networks?.close();
});

/** A bridge with a call under way, of which the server has every byte. */
async function call(kind: 'sse' | 'http'): Promise<CliProcess> {
  const url = `http://${networks.farAddress}:${/^\d+/.exec(heard)?.[0]}/${kind === 'sse' ? 'sse' : 'mcp'}`;
  const bridge = startCli([url, '--allow-http', '--ping-interval', '0'], { through: networks.near });
  await handshake(bridge);
  bridge.writeLine(callTool('7', 'hang'));
  await until(`the call over ${kind}`, () => heard.includes(`called over ${kind}`));
  return bridge;
}

describe('a link that is cut without a word while a call is under way', () => {
  it('is found out by the system, which asks for a sign of life, and the call is answered within 45 s', async () => {
    const bridges = await Promise.all([call('sse'), call('http')]);
    await networks.cut();
    const lines = await Promise.all(bridges.map((bridge) => bridge.line('the call is answered', answers('7'), 45_000)));
    for (const line of lines) {
      expect(reasonOf(line)).toBe('upstream_lost');
      expect(line).toMatch(/E(TIMEDOUT|HOSTUNREACH|NETUNREACH) 10\.213\.77\.2:\d+ \(IPv4\)/);
      expect(line).toContain('was cut ');
    }
    for (const bridge of bridges) bridge.child.stdin.end();
    for (const bridge of bridges) expect((await bridge.exited()).code).toBe(0);
  });
});
