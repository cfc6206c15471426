/**
 * Makes dist/: the bridge and the command line as one small CommonJS file that needs nothing but Node, everything else
 * as ES modules with shared chunks, the types, the JSON Schema, and the list of what is bundled.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('.', import.meta.url));
process.chdir(root);
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
/** Made apart and put in place at the end: whoever runs what is in dist/ never meets half of it. */
const out = `.cache/dist-${process.pid}`;

const shared = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  define: { DRAWBRIDGE_VERSION: JSON.stringify(version), 'process.env.NODE_ENV': '"production"' },
};

/** Commands other than the bridge stay out of its file; they are ES modules beside it. */
const commandsApart = {
  name: 'commands-apart',
  setup(api) {
    api.onResolve({ filter: /\/commands\/(check|clients|gateway|keys)\.ts$/ }, ({ path }) => ({
      path: `./${/(\w+)\.ts$/.exec(path)[1]}.js`,
      external: true,
    }));
  },
};

const bridge = await build({
  ...shared,
  entryPoints: { 'cli/main': 'src/cli/main.ts' },
  outdir: out,
  format: 'cjs',
  minify: true,
  outExtension: { '.js': '.cjs' },
  plugins: [commandsApart],
});

/**
 * acme-client, made apart: with short names, and without what the gateway never calls of it, it is a third as large.
 * Its own requests go through acme-exchange.ts, so that of axios only the part that browsers have is needed.
 */
const acmeMetafiles = [];
const acmeApart = {
  name: 'acme-apart',
  setup(api) {
    api.onLoad({ filter: /\/listener\/acme-library\.ts$/ }, async ({ path }) => {
      const { metafile, outputFiles } = await build({
        ...shared,
        entryPoints: [path],
        format: 'esm',
        minify: true,
        write: false,
        outdir: out,
        alias: { axios: join(root, 'node_modules/axios/dist/browser/axios.cjs') },
        plugins: [acmeLeftOut],
      });
      acmeMetafiles.push(metafile);
      return { contents: outputFiles[0].contents, loader: 'js', resolveDir: dirname(path) };
    });
  },
};

const acmeLeftOut = {
  name: 'acme-left-out',
  setup(api) {
    // Another library for the same certificates, a look at the challenge from our own side, and a log of its own.
    api.onResolve({ filter: /^(\.\/crypto\/forge|\.\/verify|debug)$/ }, ({ path, importer }) =>
      importer.includes('/acme-client/') ? { path, namespace: 'left-out' } : undefined,
    );
    api.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'module.exports = () => () => {};' }));
    // Shared with the rest of the gateway: what an attempt may do is passed in it.
    api.onResolve({ filter: /\/acme-exchange\.ts$/ }, ({ path }) => ({ path, external: true }));
  },
};

const modules = await build({
  ...shared,
  entryPoints: {
    index: 'src/index.ts',
    bridge: 'src/bridge/index.ts',
    gateway: 'src/gateway/index.ts',
    'cli/check': 'src/cli/commands/check.ts',
    'cli/clients': 'src/cli/commands/clients.ts',
    'cli/gateway': 'src/cli/commands/gateway.ts',
    'cli/keys': 'src/cli/commands/keys.ts',
  },
  outdir: out,
  chunkNames: 'chunks/[name]-[hash]',
  format: 'esm',
  splitting: true,
  external: ['@electric-sql/pglite'],
  // Its main file is UMD, whose requires a bundler does not see.
  alias: { 'jsonc-parser': join(root, 'node_modules/jsonc-parser/lib/esm/main.js') },
  plugins: [acmeApart],
  // Some of what is bundled is CommonJS and asks for Node's modules with require.
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
});

/** A thread starts from a file of its own, which the chunk that starts it looks for beside itself. */
const worker = await build({
  ...shared,
  entryPoints: { 'chunks/password-worker': 'src/gateway/authenticators/password-worker.mjs' },
  outdir: out,
  format: 'esm',
  outExtension: { '.js': '.mjs' },
});

writeFileSync(
  join(out, 'THIRD-PARTY.txt'),
  thirdParty([bridge.metafile, modules.metafile, worker.metafile, ...acmeMetafiles]),
);
for (const [name, schema] of Object.entries(await schemas())) {
  writeFileSync(join(out, name), `${JSON.stringify(schema, undefined, 2)}\n`);
}
const types = join(out, 'types');
try {
  const tsc = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', types];
  execFileSync(process.execPath, tsc, { stdio: 'inherit' });
  publishTypes(['index.d.ts', 'bridge/index.d.ts', 'gateway/index.d.ts']);
  rmSync(types, { recursive: true });
  rmSync('dist', { recursive: true, force: true });
  renameSync(out, 'dist');
} finally {
  rmSync(out, { recursive: true, force: true });
}

/**
 * Puts in place the types that the entry points lead to, and no others. Their imports are those of the sources, which
 * end in .ts; older compilers than ours follow only those that end in .js.
 */
function publishTypes(entries) {
  const files = new Set(entries);
  for (const file of files) {
    const text = readFileSync(join(types, file), 'utf8').replace(
      /(from '|import\(')(\.[^']*)\.ts'/g,
      (_all, before, to) => {
        files.add(join(dirname(file), `${to}.d.ts`));
        return `${before}${to}.js'`;
      },
    );
    mkdirSync(dirname(join(out, file)), { recursive: true });
    writeFileSync(join(out, file), text);
  }
}

/** Name, version and licence of every package that went into a bundle. */
function thirdParty(metafiles) {
  const folders = new Set();
  for (const { outputs } of metafiles) {
    for (const output of Object.values(outputs)) {
      for (const [input, { bytesInOutput }] of Object.entries(output.inputs)) {
        const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
        if (folder !== undefined && bytesInOutput > 0) folders.add(folder);
      }
    }
  }
  const entries = [...folders].sort().map((folder) => {
    const { name, version: packageVersion, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)/i.test(entry));
    const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8').trim()}\n`;
    return `${name} ${packageVersion} (${license ?? 'see below'})\n${text}`;
  });
  return `mcp-drawbridge ${version} bundles these packages:\n\n${entries.join(`\n${'-'.repeat(72)}\n\n`)}`;
}

/** What may stand in the configuration files of the gateway and of the bridge. */
async function schemas() {
  const { outputFiles } = await build({
    ...shared,
    stdin: {
      contents: `export { fileSchema } from './src/config/json-schema.ts';
        export { BRIDGE_OPTIONS } from './src/config/bridge-options.ts';
        export { GATEWAY_COMMAND_OPTIONS } from './src/config/gateway-options.ts';`,
      resolveDir: root,
    },
    format: 'esm',
    write: false,
  });
  const source = Buffer.from(outputFiles[0].contents).toString('base64');
  const { fileSchema, BRIDGE_OPTIONS, GATEWAY_COMMAND_OPTIONS } = await import(`data:text/javascript;base64,${source}`);
  return {
    'schema.json': fileSchema(GATEWAY_COMMAND_OPTIONS, 'Configuration file of mcp-drawbridge gateway'),
    'bridge.schema.json': fileSchema(BRIDGE_OPTIONS, 'Configuration file of mcp-drawbridge <url>'),
  };
}
