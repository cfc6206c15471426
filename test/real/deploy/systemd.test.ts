/** The units: as systemd reads them, how exposed they are, and their ExecStart lines as a user that is not root. */
import { chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { writeKeyFile } from '../../parts/gateway-server.ts';
import { connectTo } from '../../parts/mcp-client.ts';
import { ROOT } from '../../parts/package.ts';
import { findFreePort } from '../free-port.mjs';
import { INSTALL_MS, installSystemdAnalyze, runSystemdAnalyze } from './linters.ts';
import { ensureSandbox, startInside, USER } from './sandbox.ts';

const UNITS = join(ROOT, 'docs/deploy/systemd');
/** systemd-analyze's: 0 is a service that can do nothing, 10 one that can do all. */
const MOST_EXPOSED = 1.5;

beforeAll(async () => {
  await installSystemdAnalyze();
  await ensureSandbox();
}, INSTALL_MS);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-units-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function measureExposure(file: string): Promise<number> {
  const threshold = `--threshold=${MOST_EXPOSED * 10}`;
  const verdict = await runSystemdAnalyze(['security', '--offline=yes', '--no-pager', threshold, file]);
  return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(verdict)![1]);
}

/** A unit in a folder, with programs that are there: systemd looks for those that it names. */
function place(name: string, change: (text: string) => string): string {
  const path = join(folder, name);
  const text = readFileSync(join(UNITS, name), 'utf8');
  writeFileSync(path, change(text.replace('/opt/postgres-mcp/bin/postgres-mcp', '/usr/bin/env')));
  return path;
}

describe.each(['mcp-drawbridge.service', 'postgres-mcp.service'])('%s', (name) => {
  it('is understood by systemd, every line of it', async () => {
    expect(await runSystemdAnalyze(['verify', '--man=no', place(name, (text) => text)])).toBe('');
  });
  it('is seen where a line is not', async () => {
    const spoiled = place(name, (text) => text.replace('RestartSec=', 'RestartSecs='));
    await expect(verifyLoudly(spoiled)).rejects.toThrow('RestartSecs');
  });
  it(`is exposed at most ${MOST_EXPOSED}`, async () => {
    const exposure = await measureExposure(join(UNITS, name));
    console.log(`${name}: ${exposure}`);
    expect(exposure).toBeLessThanOrEqual(MOST_EXPOSED);
  });
  it('would be more so without its walls', async () => {
    const open = place(name, (text) => text.replace(/^(Protect|Private|Restrict|SystemCall|Capability)\w+=.*$/gm, ''));
    await expect(measureExposure(open)).rejects.toThrow('exit code 1');
  });
});

/** systemd only warns of a line that it does not know. */
async function verifyLoudly(file: string): Promise<void> {
  await runSystemdAnalyze(['verify', '--man=no', '--recursive-errors=yes', file]);
}

describe('the ExecStart line of mcp-drawbridge.service', () => {
  it('serves, as a user that is not root, what it finds in the folder of credentials', async () => {
    const unit = readFileSync(join(UNITS, 'mcp-drawbridge.service'), 'utf8');
    const line = /^ExecStart=(.*)$/m.exec(unit)![1]!;
    const installed = join(folder, 'opt');
    for (const part of ['bin', 'dist', 'package.json'])
      cpSync(join(ROOT, part), join(installed, part), { recursive: true });
    const { path, keys, remove } = writeKeyFile(['alice']);
    const credentials = join(folder, 'credentials');
    mkdirSync(credentials);
    cpSync(path, join(credentials, 'keys.json'));
    chownSync(join(credentials, 'keys.json'), USER, USER);
    remove();
    const command = line
      .replace('%d', '/run/credentials')
      .replace('http://127.0.0.1:8000/sse', inject('postgresMcpUrl'))
      .split(' ');
    const port = await findFreePort();
    const readable = { '/opt/mcp-drawbridge': installed, '/run/credentials': credentials };
    const gateway = await startInside(
      command,
      { readable, env: { DRAWBRIDGE_PORT: String(port) } },
      line,
      'listening on',
    );
    try {
      const client = await connectTo('http', `http://127.0.0.1:${port}`, { Authorization: `Bearer ${keys['alice']}` });
      expect((await client.client.listTools()).tools.map(({ name }) => name)).toContain('execute_sql');
      await client.close();
    } finally {
      await gateway.stop();
    }
  });

  it('may take longer to stop than the gateway drains', () => {
    const unit = readFileSync(join(UNITS, 'mcp-drawbridge.service'), 'utf8');
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)![1])).toBeGreaterThan(10);
  });
});
