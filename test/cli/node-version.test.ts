import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { it } from 'vitest';
import { expectThreeLines } from '../parts/bad-input.ts';
import { BIN, runCli } from '../parts/run-cli.ts';

const OLD_NODE = fileURLToPath(new URL('../parts/old-node.cjs', import.meta.url));

it('a Node.js that is too old is told so, with where it is, before anything else is loaded', async () => {
  const result = await runCli(['http://127.0.0.1:9/sse'], { nodeArgs: ['--require', OLD_NODE] });
  expectThreeLines(result, 2, {
    error: 'mcp-drawbridge needs Node.js 20 or newer',
    why: `this is Node.js 18.20.8 at ${process.execPath}`,
    tryThis: /^Install a newer Node\.js, or name its full path/,
  });
});

it('a clone that is not built says so, and what to do', async () => {
  const clone = realpathSync(mkdtempSync(join(tmpdir(), 'drawbridge-clone-')));
  mkdirSync(join(clone, 'bin'));
  const bin = join(clone, 'bin/mcp-drawbridge.cjs');
  copyFileSync(BIN, bin);
  const result = await runCli(['--help'], { bin });
  rmSync(clone, { recursive: true });
  expectThreeLines(result, 2, {
    error: 'mcp-drawbridge is not built yet',
    why: `${join(clone, 'dist')} is made by its build`,
    tryThis: 'In the folder of the clone: npm ci && npm run build',
  });
});
