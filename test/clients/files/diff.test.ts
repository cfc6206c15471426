import { expect, it } from 'vitest';
import { diffTexts } from '../../../src/clients/files/diff.ts';

it.each([
  ['the same text', 'a\nb\n', 'a\nb\n', ''],
  ['a line more', 'a\nb\nc\nd\n', 'a\nb\nx\nc\nd\n', '@@ -1,4 +1,5 @@\n a\n b\n+x\n c\n d'],
  ['a line less', 'a\nb\nc\n', 'a\nc\n', '@@ -1,3 +1,2 @@\n a\n-b\n c'],
  [
    'a line that changes, far from both ends',
    '1\n2\n3\n4\n5\n6\n7',
    '1\n2\n3\nx\n5\n6\n7',
    '@@ -2,5 +2,5 @@\n 2\n 3\n-4\n+x\n 5\n 6',
  ],
  ['a file that begins', '', 'a\n', '@@ -1,0 +1,1 @@\n+a'],
  ['Windows line ends', 'a\r\nb\r\n', 'a\r\nc\r\n', '@@ -1,2 +1,2 @@\n a\n-b\n+c'],
])('%s is shown', (_what, before, after, shown) => {
  expect(diffTexts(before, after)).toBe(shown);
});
