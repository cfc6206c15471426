import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { type Option, optionsOfFiles, propertyName } from '../../src/config/option.ts';
import { codeOf, readDoc, rowsOf, sectionsOf } from '../parts/markdown.ts';

const OPTIONS: readonly Option[] = GATEWAY_COMMAND_OPTIONS;
const PROPERTIES = optionsOfFiles(OPTIONS).map(propertyName);
const PAGE = readDoc('from-nginx.md');
const bodyOf = (heading: string): string =>
  sectionsOf(PAGE, 2).find((section) => section.heading === heading)?.body ?? '';
const LINES = rowsOf(bodyOf('Line by line'));
const OTHERS = rowsOf(bodyOf('From the others, in short'));

/** What is written as an option: its name, or its name and a value. */
const optionsIn = (cell: string): string[] =>
  codeOf(cell).flatMap((code) => /^([a-z][A-Za-z0-9]*)(?::.*)?$/.exec(code)?.[1] ?? []);
const unknown = (cell: string): string[] =>
  optionsIn(cell).filter((name) => !PROPERTIES.includes(name) && name !== 'localhost');

describe('docs/from-nginx.md', () => {
  it('has tables, and in them all that an operator has in front of a server today', () => {
    expect(LINES.length).toBeGreaterThan(40);
    expect(OTHERS.length).toBeGreaterThan(15);
    const left = LINES.map(([cell]) => cell).join(' ');
    for (const directive of [
      ...['auth_basic', 'allow', 'deny', 'limit_req', 'limit_conn', 'add_header Access-Control', 'ssl_certificate'],
      ...['Strict-Transport-Security', 'return 301', 'proxy_read_timeout', 'client_max_body_size', 'real_ip_header'],
      ...['least_conn', '/health', 'proxy_buffering', 'server_name', 'proxy_protocol', 'access_log'],
    ])
      expect(left).toContain(directive);
  });

  it.each(
    LINES,
  )('%s: what stands for it here exists, and so does the test that shows it', (_nginx, here = '', shownBy = '') => {
    expect(here).not.toBe('');
    expect(unknown(here)).toEqual([]);
    const tests = shownBy.split(', ');
    for (const name of tests) {
      expect(name).toMatch(/^test\/.*\.test\.ts$/);
      expect(existsSync(fileURLToPath(new URL(`../../${name}`, import.meta.url))), name).toBe(true);
    }
  });

  it.each(OTHERS)('%s: a row has each of the proxies, and only options that exist', (...cells) => {
    expect(cells.filter((cell) => cell !== '')).toHaveLength(6);
    expect(unknown(cells[5]!)).toEqual([]);
    expect(/always|none/.test(cells[5]!) || optionsIn(cells[5]!).length > 0).toBe(true);
  });

  it('would find an option that does not exist', () => {
    expect(unknown('`htpasswdFiles`, or `limitCall: rate=5r/m`')).toEqual(['htpasswdFiles', 'limitCall']);
  });
});
