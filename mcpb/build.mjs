/**
 * Makes the MCPB bundle of the bridge, which Claude Desktop installs with a double click: what `npm run build` has put
 * into dist/, the manifest with the package's version, checked and packed by the official packer.
 *
 * node mcpb/build.mjs [file]: where the bundle goes; .cache/mcp-drawbridge-<version>.mcpb unless given.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const output = resolve(process.argv[2] ?? join(root, '.cache', `mcp-drawbridge-${version}.mcpb`));

/** Where each file of the bundle comes from. The bridge is one file: the other commands stay out. */
const FILES = {
  'start.cjs': 'mcpb/start.cjs',
  'bin/mcp-drawbridge.cjs': 'bin/mcp-drawbridge.cjs',
  'dist/cli/main.cjs': 'dist/cli/main.cjs',
  LICENSE: 'LICENSE',
  'THIRD-PARTY.txt': 'dist/THIRD-PARTY.txt',
};

const folder = mkdtempSync(join(tmpdir(), 'drawbridge-mcpb-'));
try {
  for (const [to, from] of Object.entries(FILES)) cpSync(join(root, from), join(folder, to));
  const { manifest_version, name, ...rest } = JSON.parse(readFileSync(join(root, 'mcpb/manifest.json'), 'utf8'));
  const manifest = { manifest_version, name, version, ...rest };
  writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  const packer = join(root, 'node_modules/@anthropic-ai/mcpb/dist/cli/cli.js');
  execFileSync(process.execPath, [packer, 'validate', join(folder, 'manifest.json')], { stdio: 'inherit' });
  execFileSync(process.execPath, [packer, 'pack', folder, output], { stdio: 'inherit' });
} catch (thrown) {
  if (thrown.status === undefined) throw thrown;
  // The packer has said why.
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
