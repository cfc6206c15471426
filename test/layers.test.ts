import { readdirSync, readFileSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Who may import whom, and which packages: the table of docs/architecture.md. Imports point one way. */
const LAYERS: Readonly<Record<string, { readonly layers: readonly string[]; readonly packages: readonly string[] }>> = {
  errors: { layers: [], packages: [] },
  log: { layers: [], packages: [] },
  message: { layers: ['errors', 'log'], packages: [] },
  relay: { layers: ['errors', 'log', 'message'], packages: [] },
  upstream: { layers: ['relay', 'errors', 'log', 'message'], packages: [] },
  downstream: { layers: ['relay', 'errors', 'log', 'message'], packages: [] },
  tools: { layers: ['relay', 'errors', 'log', 'message'], packages: [] },
  translation: { layers: ['tools', 'relay', 'errors', 'log', 'message'], packages: [] },
  recovery: { layers: ['relay', 'errors', 'log', 'message'], packages: [] },
  clients: { layers: ['errors', 'log'], packages: ['jsonc-parser', 'yaml', '@decimalturn/toml-patch'] },
  check: { layers: ['clients', 'upstream', 'relay', 'errors', 'log', 'message'], packages: [] },
  bridge: {
    layers: ['downstream', 'upstream', 'recovery', 'tools', 'relay', 'errors', 'log', 'message'],
    packages: [],
  },
  gateway: {
    layers: [
      'downstream',
      'upstream',
      'recovery',
      'translation',
      'tools',
      'clients',
      'relay',
      'errors',
      'log',
      'message',
    ],
    packages: ['express', 'helmet', 'express-rate-limit', 'bcryptjs', 'jose', 'acme-client'],
  },
  config: { layers: ['errors', 'log'], packages: [] },
  demo: { layers: [], packages: ['@modelcontextprotocol/sdk', '@electric-sql/pglite'] },
  cli: {
    layers: ['bridge', 'gateway', 'check', 'clients', 'config', 'demo', 'upstream', 'errors', 'log'],
    packages: ['yaml'],
  },
  index: { layers: ['bridge', 'gateway', 'errors', 'log'], packages: [] },
};

/** What a layer takes of another only as types costs nothing at run time. */
const TYPES_ONLY = new Set(['upstream → relay', 'downstream → relay']);

const NODE_BUILTINS = new Set(builtinModules);

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isType: boolean;
}

function listFiles(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? listFiles(path) : path.endsWith('.ts') ? [path] : [];
  });
}

/** From src/ on, with slashes on every system. */
function pathOf(file: string): string {
  return relative(SRC, file).replaceAll('\\', '/');
}

function importsOf(file: string): Import[] {
  const text = readFileSync(file, 'utf8');
  const statements = text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+'([^']+)'/gm);
  const dynamic = text.matchAll(/import\('([^']+)'\)/g);
  const from = pathOf(file);
  return [
    ...[...statements].map(([, type, to]) => ({ from, to: to!, isType: type !== undefined })),
    ...[...dynamic].map(([, to]) => ({ from, to: to!, isType: false })),
  ];
}

function layerOf(path: string): string {
  return path.split('/')[0]!.replace(/\.ts$/, '');
}

const files = listFiles(SRC);
const imports = files.flatMap(importsOf);

describe('imports point one way', () => {
  it('this table is that of docs/architecture.md', () => {
    const text = readFileSync(new URL('../docs/architecture.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| (\w+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(([row]) => row);
    for (const [layer, { layers, packages }] of Object.entries(LAYERS)) {
      expect(rows).toContain(`| ${layer} | ${layers.join(', ') || '–'} | ${packages.join(', ') || '–'} |`);
    }
  });

  it('every file belongs to a layer of the table', () => {
    expect([...new Set(files.map((file) => layerOf(pathOf(file))))].sort()).toEqual(Object.keys(LAYERS).sort());
  });

  it.each(Object.entries(LAYERS))('%s imports only the layers below it', (layer, { layers }) => {
    const wrong = imports.filter(({ from, to, isType }) => {
      if (layerOf(from) !== layer || !to.startsWith('.')) return false;
      const target = layerOf(pathOf(resolve(dirname(join(SRC, from)), to)));
      if (target === layer) return false;
      return !layers.includes(target) || (TYPES_ONLY.has(`${layer} → ${target}`) && !isType);
    });
    expect(wrong).toEqual([]);
  });

  it.each(Object.entries(LAYERS))('%s loads only the packages it may', (layer, { packages }) => {
    const wrong = imports.filter(({ from, to }) => {
      if (layerOf(from) !== layer || to.startsWith('.') || to.startsWith('node:')) return false;
      const name = to.startsWith('@') ? to.split('/').slice(0, 2).join('/') : to.split('/')[0]!;
      return !packages.includes(name);
    });
    expect(wrong).toEqual([]);
  });

  it('Node’s own modules are named as such', () => {
    expect(imports.filter(({ to }) => NODE_BUILTINS.has(to))).toEqual([]);
  });

  it('no two files import each other in a circle', () => {
    const edges = new Map<string, string[]>();
    for (const { from, to, isType } of imports) {
      if (!to.startsWith('.') || isType) continue;
      const target = pathOf(resolve(dirname(join(SRC, from)), to));
      edges.set(from, [...(edges.get(from) ?? []), target]);
    }
    const circles: string[] = [];
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      else for (const next of edges.get(file) ?? []) visit(next, [...path, file]);
    };
    for (const file of edges.keys()) visit(file, []);
    expect([...new Set(circles)]).toEqual([]);
  });
});

/** Only `process.kill` can signal a group of processes, and what a command has started must end with it. */
const SIGNALS_GROUPS = 'upstream/command/process-group.ts';

describe('the process belongs to the command line', () => {
  it.each(
    files
      .map((file) => pathOf(file))
      .filter((file) => !['cli', 'demo'].includes(layerOf(file)) && file !== SIGNALS_GROUPS),
  )('%s does not touch it', (file) => {
    // A server asks for client certificates by it, and says nothing of whom we trust as a client. A check
    // looks at whatever certificate there is, and sends nothing secret.
    const mayLook = file === 'gateway/listener/tls-server.ts' || file === 'check/any-certificate.ts';
    expect(readFileSync(join(SRC, file), 'utf8')).not.toMatch(
      mayLook
        ? /\bprocess\.[a-zA-Z]|setDefaultResultOrder/
        : /\bprocess\.[a-zA-Z]|setDefaultResultOrder|rejectUnauthorized/,
    );
  });
});

it('what signals groups of processes does nothing else with ours', () => {
  const uses = readFileSync(join(SRC, SIGNALS_GROUPS), 'utf8').match(/\bprocess\.\w+\S/g);
  expect(new Set(uses?.filter((use) => use !== 'process.kill`'))).toEqual(new Set(['process.kill(']));
});

describe('files stay readable in one sitting', () => {
  it('none has more than 300 lines', () => {
    const long = files.filter((file) => readFileSync(file, 'utf8').split('\n').length > 301);
    expect(long.map((file) => pathOf(file))).toEqual([]);
  });
});
