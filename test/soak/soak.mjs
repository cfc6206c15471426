import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';

// `npm run soak`: the built gateway under mixed traffic and random cuts on both sides, for as long as is asked for. What
// it runs is TypeScript that shares its parts with the tests, so it is bundled first, into .cache/soak.

const HELP = `Usage: npm run soak -- [options]     (after npm run build)

  --minutes N   how long there is traffic (default 30)
  --rate N      actions a second, over all clients (default 20)
  --clients N   sessions open at once (default 16)
  --seed N      of what is random; printed (default: random)

Exit codes: 0 everything held, 1 something did not, 2 usage.`;

const MAX = { minutes: 10_000, rate: 10_000, clients: 500, seed: 2 ** 31 };

function readOptions() {
  const text = (value) => ({ type: 'string', default: value });
  const seed = String(Math.floor(Math.random() * MAX.seed));
  const options = { minutes: text('30'), rate: text('20'), clients: text('16'), seed: text(seed) };
  const { values } = parseArgs({ options: { ...options, help: { type: 'boolean', short: 'h' } } });
  if (values.help) return undefined;
  return Object.fromEntries(
    Object.entries(MAX).map(([name, max]) => {
      const value = Number(values[name]);
      if (value > 0 && value <= max) return [name, value];
      throw new Error(`--${name} ${values[name]}: a number up to ${max} is needed`);
    }),
  );
}

let options;
try {
  options = readOptions();
} catch (error) {
  console.error(`soak: ${error.message}\n\n${HELP}`);
  process.exit(2);
}
if (options === undefined) {
  console.log(HELP);
  process.exit(0);
}
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const outdir = here('../../.cache/soak');
mkdirSync(outdir, { recursive: true });
await build({
  entryPoints: [here('run.ts'), here('upstream.ts')],
  outdir,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  outExtension: { '.js': '.mjs' },
  logLevel: 'error',
});
const { run } = await import(`${outdir}/run.mjs`);
const isHeld = await run(options, {
  gateway: here('../bench/embedded-gateway.mjs'),
  upstream: `${outdir}/upstream.mjs`,
});
process.exit(isHeld ? 0 : 1);
