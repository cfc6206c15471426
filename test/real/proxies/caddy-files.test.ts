import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cleanEnvironment, run } from '../child-process.mjs';
import { CADDY, CADDY_WINDOWS } from './caddy.ts';
import { INSTALL_MS } from './proxy.ts';
import { readShipped } from './shipped-file.ts';

beforeAll(() => CADDY.install(), INSTALL_MS);

const formatted = async (text: string): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-caddy-fmt-'));
  const file = join(folder, 'Caddyfile');
  await writeFile(file, text);
  const env = cleanEnvironment({ HOME: folder });
  const answer = await run(await CADDY.install(), ['fmt', file], { label: 'caddy fmt', env }).catch((error) => error);
  await rm(folder, { recursive: true, force: true });
  return String(answer);
};

describe.each([CADDY, CADDY_WINDOWS])('docs/deploy/proxies/$file', ({ file }) => {
  it('is laid out as caddy fmt does it, which would lay out anything else anew', async () => {
    const text = readShipped(file);
    expect(await formatted(text)).toBe(text);
    expect(await formatted(text.replace('\temail', '    email'))).toBe(text);
  });
});

it('Caddyfile.windows has no backslash, which would be no path in it, and names this machine 127.0.0.1', () => {
  const lines = readShipped('Caddyfile.windows').split('\n');
  const settings = lines.filter((line) => !/^\s*#/.test(line)).join('\n');
  expect(settings).not.toContain('\\');
  expect(settings).not.toContain('localhost');
});
