import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { HOPS } from '../../src/check/finding.ts';
import { CHECK_OPTIONS } from '../../src/cli/check-options.ts';
import { BRIDGE_OPTIONS } from '../../src/config/bridge-options.ts';
import { helpRows } from '../parts/help.ts';
import { codeOf, rowsOf } from '../parts/markdown.ts';

const PAGE = readFileSync(new URL('../../docs/check.md', import.meta.url), 'utf8');

it('the page has each hop, in its order', () => {
  const rows = [...PAGE.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, hop]) => hop);
  expect(rows).toEqual(HOPS);
});

it('the page has its own options as --help has them, and names those that it shares with the bridge', () => {
  const ofBridge = CHECK_OPTIONS.filter(({ name }) => BRIDGE_OPTIONS.some((option) => option.name === name));
  const rows = rowsOf(PAGE).filter(([option]) => option?.startsWith('`--'));
  expect(rows).toEqual(
    helpRows(CHECK_OPTIONS.filter((option) => !ofBridge.includes(option) || option.name === 'help')),
  );
  const shared = ofBridge.filter(({ name }) => name !== 'help' && name !== 'url').map(({ name }) => `--${name}`);
  const [, sentence = ''] = /## Options\n\n(.*?)\n\n/s.exec(PAGE) ?? [];
  expect(codeOf(sentence)).toEqual(shared);
});
