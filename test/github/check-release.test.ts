import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ROOT } from '../parts/package.ts';

const run = promisify(execFile);
const REPOSITORY = { type: 'git', url: 'git+https://example.com/mcp-drawbridge.git' };

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-release-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function check(tag: string, changelog: string, repository?: object): Promise<string> {
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: '1.2.3', repository }));
  writeFileSync(join(folder, 'CHANGELOG.md'), changelog);
  const args = [join(ROOT, '.github/check-release.mjs'), tag, folder];
  return run(process.execPath, args).then(
    () => 'passes',
    ({ code, stderr }: { code: number; stderr: string }) => `${code}: ${stderr}`,
  );
}

describe('a release', () => {
  const changelog = '# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n- A thing\n';

  it('passes where tag, package and changelog name one version', async () => {
    expect(await check('v1.2.3', changelog, REPOSITORY)).toBe('passes');
  });

  it.each([
    { name: 'another tag', tag: 'v1.2.4', text: changelog, repository: REPOSITORY, says: 'the tag is v1.2.4' },
    { name: 'no tag', tag: '', text: changelog, repository: REPOSITORY, says: 'the tag is ,' },
    {
      name: 'a changelog that has it not',
      tag: 'v1.2.3',
      text: changelog.replace('[1.2.3]', '[1.2.30]'),
      repository: REPOSITORY,
      says: 'CHANGELOG.md has no',
    },
    { name: 'no repository', tag: 'v1.2.3', text: changelog, repository: undefined, says: 'names no repository' },
  ])('does not with $name', async ({ tag, text, repository, says }) => {
    expect(await check(tag, text, repository)).toMatch(new RegExp(`^1: .*${says}`));
  });
});

it('the changelog has a place for what comes, and headings of Keep a Changelog alone', () => {
  const text = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');
  const headings = [...text.matchAll(/^##? ?(.*)$/gm)].map(([line]) => line);
  expect(headings.slice(0, 2)).toEqual(['# Changelog', '## [Unreleased]']);
  for (const [, kind] of text.matchAll(/^### (.*)$/gm)) {
    expect(kind).toMatch(/^(Added|Changed|Deprecated|Removed|Fixed|Security)$/);
  }
});
