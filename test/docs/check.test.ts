import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { HOPS } from '../../src/check/finding.ts';
import { CHECK_OPTIONS } from '../../src/cli/check-options.ts';

const PAGE = readFileSync(new URL('../../docs/check.md', import.meta.url), 'utf8');

it('the page has each hop, in its order', () => {
  const rows = [...PAGE.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, hop]) => hop);
  expect(rows).toEqual(HOPS);
});

it('the page names each option', () => {
  const named = CHECK_OPTIONS.filter(({ name }) => name !== 'help' && name !== 'url');
  expect(named.filter(({ name }) => !PAGE.includes(`\`--${name}`)).map(({ name }) => name)).toEqual([]);
});

it('it names no other, in its table', () => {
  const rows = [...PAGE.matchAll(/^\| `--([a-z-]+)/gm)].map(([, name]) => name);
  expect(rows.filter((name) => !CHECK_OPTIONS.some((option) => option.name === name))).toEqual([]);
});
