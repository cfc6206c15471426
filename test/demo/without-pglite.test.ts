import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

it('says what to install when PGlite is missing', async () => {
  // A bundle in a folder of its own is what the published package is: nothing to resolve the optional peer from.
  const folder = await mkdtemp(join(tmpdir(), 'demo-without-pglite-'));
  try {
    const outfile = join(folder, 'demo.mjs');
    await build({
      entryPoints: ['src/demo/index.ts'],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      external: ['@electric-sql/pglite'],
      // raw-body, below the SDK's SSE transport, requires node built-ins.
      banner: { js: "import { createRequire as make } from 'node:module'; const require = make(import.meta.url);" },
      logLevel: 'error',
    });
    const script = `
      const { startDemoUpstream } = await import(${JSON.stringify(pathToFileURL(outfile).href)});
      await startDemoUpstream().catch(({ code, message }) => console.log(JSON.stringify({ code, message })));`;
    const args = ['--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder });
    const { code, message } = JSON.parse(stdout);
    expect(code).toBe('DEMO_NEEDS_PGLITE');
    expect(message).toContain('npm install @electric-sql/pglite');
    expect(message).not.toContain('\n');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
