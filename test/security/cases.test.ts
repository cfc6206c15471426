import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const HERE = `${ROOT}/test/security`;
const rows = [...readFileSync(`${HERE}/README.md`, 'utf8').matchAll(/^\| ([A-Z]\d\d) \| [^|]+ \| ([^|]+) \|$/gm)].map(
  ([, id = '', files = '']) => ({ id, files: [...files.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path) }),
);

it.each(rows)('the tests of case $id are there', ({ id, files }) => {
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    expect(existsSync(`${ROOT}/${file}`), file).toBe(true);
    if (file.startsWith('test/security/')) expect(readFileSync(`${ROOT}/${file}`, 'utf8'), file).toContain(id);
  }
});

it('every file of attacks opens with the attack, and stands in the table', () => {
  const listed = new Set(rows.flatMap(({ files }) => files));
  for (const name of readdirSync(HERE).filter((file) => file.endsWith('.test.ts') && file !== 'cases.test.ts')) {
    expect(readFileSync(`${HERE}/${name}`, 'utf8').startsWith('/**'), name).toBe(true);
    expect(listed, name).toContain(`test/security/${name}`);
  }
});
