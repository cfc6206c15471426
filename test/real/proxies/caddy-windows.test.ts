/** The variant for Windows, by Caddy on this system: only its paths are others than there. */
import { describe, expect, it } from 'vitest';
import { CADDY_WINDOWS } from './caddy.ts';
import { describeProxy } from './describe-proxy.ts';
import { readShipped } from './shipped-file.ts';

describeProxy(CADDY_WINDOWS);

describe('docs/deploy/proxies/Caddyfile.windows', () => {
  it('has no backslash, which would be no path in it, and names this machine 127.0.0.1', () => {
    const lines = readShipped('Caddyfile.windows').split('\n');
    const settings = lines.filter((line) => !/^\s*#/.test(line)).join('\n');
    expect(settings).not.toContain('\\');
    expect(settings).not.toContain('localhost');
  });
});
