import { findNodeAtLocation } from 'jsonc-parser';
import { isNode } from 'yaml';
import type { Entry } from '../server-entry.ts';
import { positionAt, readText } from './file-text.ts';
import { parseJson, plainValue } from './json.ts';
import { parseToml } from './toml.ts';
import { splitToml } from './toml-statements.ts';
import { parseYaml } from './yaml.ts';

/** What stands in a file, for those who only read it. */
export interface FileTree {
  readonly hasMark: boolean;
  /** Undefined where there is nothing in the file. Names such as `__proto__` are members like others. */
  readonly content: unknown;
  /** The line, from 1, where what stands at a path begins; undefined where nothing does. */
  lineOf(path: readonly (string | number)[]): number | undefined;
}

/** The values of a client's file and their lines. Throws `config` with line and column for what cannot be read. */
export function readTree(raw: string, file: string, format: Entry['format']): FileTree {
  const { text, hasMark } = readText(raw);
  const lineAt = (offset: number | undefined): number | undefined =>
    offset === undefined ? undefined : positionAt(text, offset).line;
  if (format === 'json') {
    const root = parseJson({ text, file });
    return {
      hasMark,
      content: root === undefined ? undefined : plainValue(root),
      lineOf: (path) => {
        const node = root === undefined ? undefined : findNodeAtLocation(root, [...path]);
        return lineAt((node?.parent?.type === 'property' ? node.parent : node)?.offset);
      },
    };
  }
  if (format === 'toml') {
    const content = parseToml(text, file);
    return { hasMark, content: text.trim() === '' ? undefined : content, lineOf: linesOfToml(text, content) };
  }
  const document = parseYaml({ text, file });
  return {
    hasMark,
    content: document.contents === null ? undefined : document.toJS(),
    lineOf: (path) => {
      const node = document.getIn(path, true);
      const parent = path.length === 0 ? document.contents : document.getIn(path.slice(0, -1), true);
      const key = keyRange(parent, path.at(-1));
      return lineAt(key ?? (isNode(node) ? node.range?.[0] : undefined));
    },
  };
}

interface PairLike {
  readonly key: { readonly value?: unknown; readonly range?: readonly number[] | null };
}

function keyRange(parent: unknown, name: string | number | undefined): number | undefined {
  const { items = [] } = (parent ?? {}) as { readonly items?: readonly Partial<PairLike>[] };
  return items.find(({ key }) => key?.value === name && name !== undefined)?.key?.range?.[0];
}

/** What stands inside a value of several members has the line of that value. */
function linesOfToml(text: string, content: unknown): FileTree['lineOf'] {
  const lines = new Map<string, number>();
  for (const { path, line } of splitToml(text)) {
    for (let length = 1; length <= path.length; length++) {
      const key = JSON.stringify(path.slice(0, length));
      if (!lines.has(key)) lines.set(key, line);
    }
  }
  return (path) => {
    let inner = content;
    for (const name of path) {
      if (typeof inner !== 'object' || inner === null || !Object.hasOwn(inner, name)) return undefined;
      inner = (inner as Record<string | number, unknown>)[name];
    }
    for (let length = path.length; length > 0; length--) {
      const line = lines.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return path.length === 0 ? 1 : undefined;
  };
}

/** Any value of a file that has members by name. */
export function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
