import type { Logger } from '../log.ts';
import { findField, toolNameOf } from '../message/fields.ts';
import type { Message } from '../message/message.ts';
import { elements, soleMember, stringAt } from '../message/ranges.ts';
import { quoteToolName } from '../tools/tool-filter.ts';
import { withoutTools } from '../tools/tool-list.ts';
import { mirroredValue } from './mirrored-value.ts';

/** An argument that its tool wants mirrored: the name after `Mcp-Param-`, and the way to it in `arguments`. */
interface Mirrored {
  readonly header: string;
  readonly path: readonly string[];
}

const ANNOTATION = 'x-mcp-header';
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const PRIMITIVES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);
/** Tools with mirrored arguments of one server; what is one more goes without. */
const MAX_TOOLS = 4096;
/** Mirrored arguments of one tool, and how deep a schema is looked into. */
const MAX_MIRRORED = 64;
const MAX_DEPTH = 64;

/**
 * Which arguments of which tools stand in `Mcp-Param-*` headers as well (MCP 2026-07-28, custom headers from tool
 * parameters), learnt from the lists of tools that go by.
 */
export class ToolHeaders {
  readonly #tools = new Map<string, readonly Mirrored[]>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The answer to `tools/list` without the tools whose annotations are not as they must be. */
  learn(answer: Message): Message {
    const { bytes } = answer;
    const list = findField(answer, ['result', 'tools']);
    if (list === undefined) return answer;
    const invalid = new Set<string>();
    elements(bytes, list.start, (tool) => {
      const at = soleMember(bytes, tool.start, 'name');
      const name = typeof at === 'object' ? stringAt(bytes, at) : undefined;
      if (name === undefined) return;
      this.#tools.delete(name);
      const schema = soleMember(bytes, tool.start, 'inputSchema');
      if (typeof schema !== 'object') return;
      const mirrored = mirroredIn(bytes.toString('utf8', schema.start, schema.end));
      if (typeof mirrored === 'string') {
        invalid.add(name);
        this.#logger.warn(`left out the tool ${quoteToolName(name)}, whose ${ANNOTATION} ${mirrored}`);
      } else if (mirrored.length > 0 && this.#tools.size < MAX_TOOLS) this.#tools.set(name, mirrored);
    });
    if (invalid.size === 0) return answer;
    return withoutTools(answer, (name) => !invalid.has(name)) ?? answer;
  }

  /** The header lines for a `tools/call`; none for other requests. */
  linesFor(request: Message): string {
    const name = request.method === 'tools/call' ? toolNameOf(request) : undefined;
    let lines = '';
    for (const { header, path } of (name === undefined ? undefined : this.#tools.get(name)) ?? []) {
      const at = findField(request, ['params', 'arguments', ...path]);
      if (at === undefined) continue;
      const text = stringAt(request.bytes, at) ?? request.bytes.toString('utf8', at.start, at.end);
      const isString = request.bytes[at.start] === 0x22;
      if (isString || /^(true|false|-?\d[\d.eE+-]*)$/.test(text))
        lines += `Mcp-Param-${header}: ${mirroredValue(text)}\r\n`;
    }
    return lines;
  }
}

/** Or what is wrong with them. */
function mirroredIn(schemaText: string): readonly Mirrored[] | string {
  if (!schemaText.includes(ANNOTATION)) return [];
  let schema: unknown;
  try {
    schema = JSON.parse(schemaText);
  } catch {
    return 'cannot be read';
  }
  const found = new Map<string, Mirrored>();
  const fault = visit(schema, [], true, found, 0);
  return fault ?? [...found.values()];
}

/** `path` leads there over `properties` alone where `isReachable`. */
function visit(
  node: unknown,
  path: readonly string[],
  isReachable: boolean,
  found: Map<string, Mirrored>,
  depth: number,
): string | undefined {
  if (typeof node !== 'object' || node === null) return undefined;
  if (depth > MAX_DEPTH) return 'stands too deep';
  const schema = node as Readonly<Record<string, unknown>>;
  if (!Array.isArray(node) && Object.hasOwn(schema, ANNOTATION)) {
    const header = schema[ANNOTATION];
    if (!isReachable || path.length === 0) return 'is not on a property that is always in the same place';
    if (typeof header !== 'string' || !TOKEN.test(header)) return 'is no name of a header';
    if (!PRIMITIVES.has(schema['type'])) return 'is on a property that is no string, integer or boolean';
    if (found.has(header.toLowerCase())) return 'names a header twice';
    if (found.size >= MAX_MIRRORED) return `names more than ${MAX_MIRRORED} headers`;
    found.set(header.toLowerCase(), { header, path });
  }
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties' && !Array.isArray(node) && typeof value === 'object' && value !== null) {
      for (const [name, property] of Object.entries(value)) {
        const fault = visit(property, [...path, name], isReachable, found, depth + 1);
        if (fault !== undefined) return fault;
      }
      // What a default or an example looks like says nothing.
    } else if (!DATA.has(key)) {
      const fault = visit(value, path, false, found, depth + 1);
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

/** Members of a schema that are values, and no schemas. */
const DATA = new Set(['default', 'const', 'enum', 'examples', ANNOTATION]);
