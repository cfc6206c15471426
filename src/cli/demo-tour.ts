import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { GATEWAY_COMMAND_OPTIONS } from '../config/gateway-options.ts';
import type { OptionValues } from '../config/option.ts';
import { type DemoUpstream, startDemoUpstream } from '../demo/index.ts';
import { DrawbridgeError } from '../errors.ts';
import { createKey, formatKeyFile, hashKey } from '../gateway/authenticators/key-file.ts';
import type { StartGateway } from './gateway-start.ts';

/** From this file's place in the built package. */
const BIN = fileURLToPath(new URL('../../bin/mcp-drawbridge.cjs', import.meta.url));
const TOUR_TIMEOUT_MS = 30_000;

/** `gateway --demo`: an embedded server behind a gateway with one key, and the main job done once where one can see it. */
export async function runDemo(
  values: OptionValues<typeof GATEWAY_COMMAND_OPTIONS>,
  start: StartGateway,
): Promise<void> {
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  say('Starting an embedded PostgreSQL with sample data …');
  const demo = await startDemo();
  const key = createKey();
  const folder = mkdtempSync(join(tmpdir(), 'mcp-drawbridge-'));
  const keyFile = join(folder, 'keys.json');
  writeFileSync(keyFile, formatKeyFile([{ name: 'demo', hash: hashKey(key), created: new Date().toISOString() }]), {
    mode: 0o600,
  });
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  const running = await start({ ...values, upstream: [demo.url] }, { keyFile }).catch((thrown: unknown) => {
    removeFolder();
    throw thrown;
  });
  running.onStop(removeFolder);
  running.onStop(() => demo.close());

  say(`\nThe gateway is listening on ${running.url}, with one key:\n\n  ${key}\n`);
  say('Paste this into claude_desktop_config.json:\n');
  say(clientEntry(`${running.url}/sse`, key));
  if (values['no-tour'] !== true) await tour(`${running.url}/sse`, key, demo, say);
  say('\nThe gateway stays up until you press Ctrl-C.');
}

async function startDemo(): Promise<DemoUpstream> {
  try {
    return await startDemoUpstream();
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== 'DEMO_NEEDS_PGLITE') throw thrown;
    throw new DrawbridgeError('demo_unavailable', 'the demo needs the package @electric-sql/pglite', {
      why: 'it is not installed beside mcp-drawbridge',
      hint: (thrown as Error).message,
    });
  }
}

function clientEntry(url: string, key: string): string {
  const entry = {
    mcpServers: {
      'drawbridge-demo': {
        command: process.execPath,
        args: [BIN, url],
        env: { DRAWBRIDGE_HEADER: `Authorization: Bearer ${key}` },
      },
    },
  };
  return JSON.stringify(entry, undefined, 2);
}

/** Starts a bridge as a client would, and runs one query through bridge, gateway and server. */
async function tour(url: string, key: string, demo: DemoUpstream, say: (line: string) => void): Promise<void> {
  say('\nThe tour: client → bridge (stdio) → gateway (SSE, key) → MCP server → PostgreSQL\n');
  const startedAt = performance.now();
  const bridge = spawn(process.execPath, [BIN, url, '--log-level', 'error'], {
    env: { ...process.env, DRAWBRIDGE_HEADER: `Authorization: Bearer ${key}` },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const answers = createInterface({ input: bridge.stdout })[Symbol.asyncIterator]();
  const deadline = setTimeout(() => bridge.kill(), TOUR_TIMEOUT_MS);
  const post = (message: object): boolean => bridge.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const ask = async (id: number, method: string, params: object): Promise<Record<string, unknown>> => {
    post({ id, method, params });
    for (let line = await answers.next(); line.done !== true; line = await answers.next()) {
      const message = JSON.parse(line.value) as {
        id?: unknown;
        result?: Record<string, unknown>;
        error?: { message: string };
      };
      if (message.id !== id) continue;
      if (message.result === undefined)
        throw new DrawbridgeError('upstream_error', `the tour failed: ${message.error?.message}`);
      return message.result;
    }
    throw new DrawbridgeError('upstream_lost', 'the tour failed: the bridge ended before it answered');
  };
  try {
    const clientInfo = { name: 'mcp-drawbridge-tour', version: '1' };
    await ask(1, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
    const connectedAt = performance.now();
    post({ method: 'notifications/initialized' });
    const { tools } = (await ask(2, 'tools/list', {})) as { tools: { name: string }[] };
    const listedAt = performance.now();
    const result = (await ask(3, 'tools/call', { name: 'execute_sql', arguments: { sql: demo.sampleQuery } })) as {
      content: { text: string }[];
    };
    const answeredAt = performance.now();
    say(`${demo.sampleQuery.trim()}\n`);
    say(formatTable(JSON.parse(result.content[0]?.text ?? '[]') as Record<string, unknown>[]));
    say(
      `\nspawn to initialize answered ${milliseconds(connectedAt - startedAt)}, ${tools.length} tools listed in ${milliseconds(listedAt - connectedAt)}, query answered in ${milliseconds(answeredAt - listedAt)}`,
    );
  } finally {
    clearTimeout(deadline);
    bridge.stdin.end();
  }
}

function milliseconds(ms: number): string {
  return `${ms.toFixed(1)} ms`;
}

function formatTable(rows: readonly Record<string, unknown>[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const lines = [columns, ...rows.map((row) => columns.map((column) => String(row[column])))];
  const widths = columns.map((_column, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  const text = lines.map((line) =>
    `  ${line.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`.trimEnd(),
  );
  text.splice(1, 0, `  ${widths.map((width) => '─'.repeat(width)).join('  ')}`);
  return text.join('\n');
}
