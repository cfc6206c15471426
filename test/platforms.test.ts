import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './parts/package.ts';
import { filesLeftOut, NEEDS } from './platforms.ts';

it('nothing is left out on Linux', () => {
  expect(filesLeftOut('linux')).toEqual([]);
});

it.each(NEEDS)('the files that need $need are there, each named once', ({ files }) => {
  expect(files.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  const all = NEEDS.flatMap((need) => need.files);
  expect(new Set(all).size).toBe(all.length);
});
