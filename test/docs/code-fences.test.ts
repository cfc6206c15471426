import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fencesOf } from '../parts/markdown.ts';
import { ROOT } from '../parts/package.ts';

/** Beside the sources, so that the packages which an example imports are found. */
const FOLDER = join(ROOT, '.cache', `docs-code-${process.pid}`);
const PAGES = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

const EXAMPLES = PAGES.flatMap((page) =>
  fencesOf(readFileSync(join(ROOT, page), 'utf8'))
    .filter(({ language }) => language === 'ts' || language === 'js')
    .map(({ text }, index) => ({ name: `${page}, example ${index + 1}`, text })),
).map((example, index) => ({ ...example, file: join(FOLDER, `example-${index}.mts`) }));

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  exactOptionalPropertyTypes: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  skipLibCheck: true,
  types: ['node'],
  paths: {
    'mcp-drawbridge': [join(ROOT, 'src/index.ts')],
    'mcp-drawbridge/gateway': [join(ROOT, 'src/gateway/index.ts')],
    'mcp-drawbridge/bridge': [join(ROOT, 'src/bridge/index.ts')],
  },
};

let program: ts.Program;

/** What the compiler says of a file, in words. */
function complaintsOf(file: string): string[] {
  const source = program.getSourceFile(file)!;
  const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  return found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, ' '));
}

beforeAll(() => {
  mkdirSync(FOLDER, { recursive: true });
  for (const { file, text } of EXAMPLES) writeFileSync(file, `${text}\nexport {};\n`);
  writeFileSync(
    join(FOLDER, 'wrong.mts'),
    "import { createGateway } from 'mcp-drawbridge';\ncreateGateway({ upstraem: 'http://127.0.0.1:8000/sse' });\n",
  );
  const files = [...EXAMPLES.map(({ file }) => file), join(FOLDER, 'wrong.mts')];
  program = ts.createProgram(files, OPTIONS);
}, 60_000);
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

it.each(EXAMPLES)('the code in $name is what the types allow', ({ file }) => {
  expect(complaintsOf(file)).toEqual([]);
});

it('an option that does not exist is found', () => {
  expect(complaintsOf(join(FOLDER, 'wrong.mts')).join()).toContain('upstraem');
});
