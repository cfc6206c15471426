import { expect, it } from 'vitest';
import { diffTexts, maskLine } from '../../../src/clients/files/diff.ts';

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
  ['a file that begins', '', 'a\n', '@@ -0,0 +1,1 @@\n+a'],
  ['Windows line ends', 'a\r\nb\r\n', 'a\r\nc\r\n', '@@ -1,2 +1,2 @@\n a\n-b\n+c'],
])('%s is shown', (_what, before, after, shown) => {
  expect(diffTexts(before, after)).toBe(shown);
});

it.each([
  ['   "GITHUB_TOKEN": "ghp_abc"', '   "GITHUB_TOKEN": "***"'],
  ['   "env": { "API_KEY": "a b", "PGPASSWORD": "c" },', '   "env": { "API_KEY": "***", "PGPASSWORD": "***" },'],
  ["bearer_token = 'abc' # mine", "bearer_token = '***' # mine"],
  ['    client_secret: abc # mine', '    client_secret: *** # mine'],
  ['  "args": ["--api-key", "zzz"]', '  "args": ["--api-key", "***"]'],
  ['bearer_token_env_var = "MCP_TOKEN"', 'bearer_token_env_var = "MCP_TOKEN"'],
  ['"TOKEN": "${MCP_TOKEN}", "url": "u"', '"TOKEN": "${MCP_TOKEN}", "url": "u"'],
])('of the line %j is shown %j', (line, shown) => {
  expect(maskLine(line)).toBe(shown);
});

it('a file of a megabyte with a line changed at each end is compared in time that grows with its length alone', () => {
  const middle = 'x\n'.repeat(500_000);
  const started = performance.now();
  expect(diffTexts(`a\n${middle}b\n`, `c\n${middle}d\n`)).toMatch(/^@@ -1,500002 /);
  // About a second; a comparison of each line with each would take minutes.
  expect(performance.now() - started).toBeLessThan(10_000);
});
