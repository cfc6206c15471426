import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { LISTENER_OPTIONS } from '../../src/config/listener-options.ts';
import { type Option, propertyName } from '../../src/config/option.ts';
import { codeOf, readDoc, rowsOf } from '../parts/markdown.ts';

const ALL: readonly Option[] = GATEWAY_COMMAND_OPTIONS;
/** The flags that `createGateway` has too stand before those of the listener. */
const SHARED = ALL.slice(0, ALL.indexOf(LISTENER_OPTIONS[0]));
const INTERFACES = ['gateway-options', 'upstreams/server-options', 'upstreams/command-options'];
const MEMBERS = INTERFACES.flatMap((name) => {
  const source = readFileSync(new URL(`../../src/gateway/${name}.ts`, import.meta.url), 'utf8');
  const [, body = ''] = /^export interface (?:Gateway|Server|Command)Options\b[^{]*\{\n(.*?)^\}/ms.exec(source) ?? [];
  return [...body.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, member]) => member!);
});
const nameOf = (option: Option): string => propertyName(option) + (option.kind === 'seconds' ? 'Ms' : '');

describe('docs/embedding.md', () => {
  const rows = rowsOf(readDoc('embedding.md')).map((cells) => cells.map((cell) => codeOf(cell)));
  const [flags, options] = [0, 1].map((index) => rows.flatMap((cells) => cells[index] ?? []));

  it('finds the options of createGateway', () => {
    expect(SHARED.length).toBeGreaterThan(40);
    expect(MEMBERS.length).toBeGreaterThan(50);
  });

  it('names each flag that createGateway has under another name', () => {
    const others = SHARED.filter((option) => !MEMBERS.includes(nameOf(option))).map(({ name }) => `--${name}`);
    expect(others.filter((flag) => !flags!.some((code) => code.split(' ')[0] === flag))).toEqual([]);
  });

  it('names each option that no flag has under the same name, and none that there is not', () => {
    const named = options!.map((code) => /^\w+/.exec(code)?.[0] ?? '').filter((name) => name !== '');
    const own = MEMBERS.filter((member) => !SHARED.some((option) => nameOf(option) === member));
    expect(own.filter((member) => !named.includes(member))).toEqual([]);
    const levels = ['debug', 'info', 'warn', 'error', 'console'];
    expect(named.filter((name) => ![...MEMBERS, ...levels].includes(name))).toEqual([]);
  });
});
