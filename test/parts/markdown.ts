/** The parts of a page of the documentation that a test can hold against the code. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));

export interface Fence {
  readonly language: string;
  readonly text: string;
}

export interface Section {
  /** Without the marks before it. */
  readonly heading: string;
  readonly body: string;
}

export function readDoc(name: string): string {
  return readFileSync(DOCS + name, 'utf8');
}

/** The names of all pages. */
export function listDocs(): string[] {
  return readdirSync(DOCS).filter((name) => name.endsWith('.md'));
}

export function fencesOf(text: string): Fence[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)\n```$/gms)].map(([, language = '', body = '']) => ({
    language,
    text: body,
  }));
}

/** The sections under headings of this level, such as 3 for `###`; each ends at the next heading of any level up to it. */
export function sectionsOf(text: string, level: number): Section[] {
  const parts = text.split(new RegExp(`^(?=#{1,${level}} )`, 'm'));
  const mark = `${'#'.repeat(level)} `;
  return parts
    .filter((part) => part.startsWith(mark))
    .map((part) => {
      const end = part.indexOf('\n');
      return { heading: part.slice(mark.length, end).trim(), body: part.slice(end + 1) };
    });
}

/** The rows of the tables in the text, without their heads; each cell trimmed. */
export function rowsOf(text: string): string[][] {
  const lines = text.split('\n');
  return lines
    .filter((line, index) => line.startsWith('|') && !/^\|-/.test(line) && !/^\|-/.test(lines[index + 1] ?? ''))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split(' | ')
        .map((cell) => cell.trim()),
    );
}

/** What stands between backticks, fences aside. */
export function codeOf(text: string): string[] {
  const prose = text.replace(/^```.*?^```$/gms, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** The end of a link to a heading, as GitHub makes it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
