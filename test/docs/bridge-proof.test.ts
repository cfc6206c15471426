import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rowsOf as benchRows } from '../bench/bridge-rows.mjs';
import { FAMILIES } from '../faults/suite.mjs';
import { readDoc, rowsOf } from '../parts/markdown.ts';

const TESTS = new URL('../', import.meta.url);
/** Each promise with what it is said to be shown by: a file of tests and a title, a scenario or a row of the bench. */
const PROMISES = rowsOf(readDoc('bridge-proof.md')).map(([promise = '', shownBy = '']) => ({
  promise,
  proofs: shownBy.split('<br>').map((proof) => {
    const [, source = '', title = ''] = /^`([^`]+)`: (.+)$/.exec(proof) ?? [];
    return { source, title };
  }),
}));
const SCENARIOS = Object.values(FAMILIES).flatMap((family) => family.map(({ name }) => name));
const BENCH = Object.values(benchRows).flatMap((rows) => rows.map(({ title }) => title));

describe('docs/bridge-proof.md', () => {
  it.each(PROMISES)('names what exists for: $promise', ({ proofs }) => {
    for (const { source, title } of proofs) {
      if (source === 'faults') expect(SCENARIOS).toContain(title);
      else if (source === 'bench') expect(BENCH).toContain(title);
      else expect(titlesIn(source), source).toContain(title);
    }
  });

  it('has the families of faults that it names run by npm test', () => {
    const isNamed = (name: string): boolean =>
      PROMISES.some(({ proofs }) => proofs.some(({ title }) => title === name));
    const named = Object.entries(FAMILIES).filter(([, scenarios]) => scenarios.some(({ name }) => isNamed(name)));
    const files = ['life', 'loss', 'recovery', 'silence'].map((name) => read(`e2e/faults-${name}.test.ts`)).join('');
    for (const [family] of named) expect(files).toContain(`describeFaults('${family}')`);
  });
});

describe('docs/bridge-faults.md', () => {
  it('has a row for each scenario of one run, and counts them as often as they were played', () => {
    const text = readDoc('bridge-faults.md');
    const rows = rowsOf(text).map(([scenario = '']) => scenario.replaceAll('\\|', '|'));
    expect(rows.filter((scenario) => !SCENARIOS.includes(scenario))).toEqual([]);
    const played = Object.values(FAMILIES).flatMap((family) => family.filter(({ name }) => rows.includes(name)));
    const turns = played.reduce((sum, { transports }) => sum + transports.length, 0);
    expect(text).toContain(`of ${turns}, mcp-drawbridge passed`);
  });
});

function read(path: string): string {
  const file = new URL(path, TESTS);
  expect(existsSync(file), path).toBe(true);
  return readFileSync(file, 'utf8');
}

/** The titles of the tests in a file, as they stand there. */
function titlesIn(path: string): string[] {
  const calls = read(path).matchAll(/(?:\bit(?:\.\w+)?\(|\)\()\s*(['"`])(.*?[^\\])\1/g);
  return [...calls].map(([, , title = '']) => title);
}
