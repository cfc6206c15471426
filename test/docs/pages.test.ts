import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { anchorOf, fencesOf } from '../parts/markdown.ts';
import { ROOT } from '../parts/package.ts';

const MAX_LINES = 200;
const PAGES = [
  ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name.replaceAll('\\', '/')}`),
].sort();
const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** Prose alone: what stands in fences and between backticks is no link. */
const proseOf = (text: string): string => text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');
const headingsOf = (text: string): string[] =>
  [...text.replace(/^```.*?^```$/gms, '').matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) =>
    anchorOf(heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')),
  );

interface Link {
  readonly page: string;
  readonly target: string;
}

const LINKS: Link[] = PAGES.flatMap((page) =>
  [...proseOf(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => ({ page, target: target! })),
);

it.each(PAGES.filter((page) => page.startsWith('docs/')))(`%s has at most ${MAX_LINES} lines`, (page) => {
  expect(read(page).trimEnd().split('\n').length).toBeLessThanOrEqual(MAX_LINES);
});

describe('a link', () => {
  it('is found at all', () => {
    expect(LINKS.length).toBeGreaterThan(30);
  });

  it.each(LINKS.filter(({ target }) => !/^[a-z]+:/.test(target)))('of $page to $target leads somewhere', ({
    page,
    target,
  }) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : join(dirname(page), path).replaceAll('\\', '/');
    expect(existsSync(join(ROOT, file)), `${file} is there`).toBe(true);
    if (anchor !== undefined) expect(headingsOf(read(file))).toContain(anchor);
  });

  it.each(LINKS.filter(({ target }) => /^[a-z]+:/.test(target)))('of $page to $target is an address', ({ target }) => {
    expect(new URL(target).protocol).toMatch(/^(https|mailto):$/);
  });
});

describe('what stands in a fence', () => {
  const fences = PAGES.flatMap((page) => fencesOf(read(page)).map((fence) => ({ page, ...fence })));

  it.each(fences.filter(({ language }) => language === 'json'))('as JSON in $page is JSON', ({ text }) => {
    expect(() => JSON.parse(text)).not.toThrow();
  });

  it.each(fences.filter(({ language }) => language === 'yaml'))('as YAML in $page is YAML', ({ text }) => {
    expect(() => parse(text, { strict: true, uniqueKeys: true })).not.toThrow();
  });

  it('says what language it is in', () => {
    expect(
      fences.filter(({ language }) => language === '').map(({ page, text }) => `${page}: ${text.slice(0, 40)}`),
    ).toEqual(
      fences
        .filter(({ language, text }) => language === '' && /[─▶]/.test(text))
        .map(({ page, text }) => `${page}: ${text.slice(0, 40)}`),
    );
  });
});

it('every page of docs/ is reached from the README', () => {
  const reached = new Set(['README.md']);
  for (const page of reached) {
    for (const { target } of LINKS.filter((link) => link.page === page)) {
      const file = join(dirname(page), target.split('#')[0] ?? '').replaceAll('\\', '/');
      if (PAGES.includes(file)) reached.add(file);
    }
  }
  expect(PAGES.filter((page) => page.startsWith('docs/') && !reached.has(page))).toEqual([]);
});
