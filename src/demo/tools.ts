import type { CallToolResult, Tool } from '@modelcontextprotocol/sdk/types.js';
import { LIST_OBJECTS, LIST_SCHEMAS, OBJECT_DETAILS, OBJECT_TYPES, type ObjectType } from './catalog.ts';
import type { Database } from './database.ts';
import { rowsToJson } from './rows-to-json.ts';
import type { QueryResult } from './wire.ts';

/** Most rows that an answer shows; a note in the answer says when there were more. */
const MAX_ROWS = 1000;

type Arguments = Readonly<Record<string, unknown>>;

interface DemoTool extends Tool {
  readonly call: (database: Database, args: Arguments, signal: AbortSignal) => Promise<CallToolResult>;
}

const annotations = { readOnlyHint: true, openWorldHint: false };
const schemaName = { type: 'string', description: 'Schema name' };
const objectName = { type: 'string', description: 'Object name' };
const objectType = { type: 'string', description: `Object type: ${OBJECT_TYPES.join(', ')}`, default: 'table' };

const TOOLS: readonly DemoTool[] = [
  {
    name: 'list_schemas',
    description: 'List the schemas of the database',
    inputSchema: { type: 'object', properties: {} },
    annotations,
    call: async (database, _args, signal) => rowsResult(await database.query(LIST_SCHEMAS, [], MAX_ROWS, signal)),
  },
  {
    name: 'list_objects',
    description: 'List the objects of one type in a schema',
    inputSchema: {
      type: 'object',
      properties: { schema_name: schemaName, object_type: objectType },
      required: ['schema_name'],
    },
    annotations,
    call: async (database, args, signal) => {
      const parameters = [text(args, 'schema_name')];
      return rowsResult(await database.query(LIST_OBJECTS[readObjectType(args)], parameters, MAX_ROWS, signal));
    },
  },
  {
    name: 'get_object_details',
    description: 'Describe one object: its columns, constraints and indexes',
    inputSchema: {
      type: 'object',
      properties: { schema_name: schemaName, object_name: objectName, object_type: objectType },
      required: ['schema_name', 'object_name'],
    },
    annotations,
    call: async (database, args, signal) => {
      const [schema, object, type] = [text(args, 'schema_name'), text(args, 'object_name'), readObjectType(args)];
      const { rows } = await database.query(OBJECT_DETAILS[type], [schema, object], 1, signal);
      const details = rows[0]?.[0];
      if (!details)
        throw new Error(`there is no ${type} ${JSON.stringify(object)} in schema ${JSON.stringify(schema)}`);
      return textResult(JSON.stringify(JSON.parse(details), null, 2));
    },
  },
  {
    name: 'execute_sql',
    description: 'Run one read-only SQL statement',
    inputSchema: {
      type: 'object',
      properties: { sql: { type: 'string', description: 'SQL to run', default: 'all' } },
    },
    annotations,
    call: async (database, args, signal) =>
      rowsResult(await database.query(text(args, 'sql', 'all'), [], MAX_ROWS, signal)),
  },
  {
    name: 'explain_query',
    description: 'Show the execution plan of a SQL query, with cost estimates',
    inputSchema: {
      type: 'object',
      properties: {
        sql: { type: 'string', description: 'SQL query to explain' },
        analyze: { type: 'boolean', description: 'Run the query too, and show what it really cost', default: false },
        hypothetical_indexes: {
          type: 'array',
          items: { type: 'object' },
          description: 'Indexes to plan with as if they existed; needs the extension hypopg, which the demo lacks',
          default: [],
        },
      },
      required: ['sql'],
    },
    annotations,
    call: async (database, args, signal) => {
      const { analyze = false, hypothetical_indexes: indexes = [] } = args;
      if (typeof analyze !== 'boolean') throw new Error('the argument "analyze" must be a boolean');
      if (!Array.isArray(indexes)) throw new Error('the argument "hypothetical_indexes" must be a list');
      if (indexes.length > 0) throw new Error('hypothetical_indexes needs the extension hypopg, which the demo lacks');
      const sql = `EXPLAIN ${analyze ? '(ANALYZE) ' : ''}${text(args, 'sql')}`;
      const { rows } = await database.query(sql, [], MAX_ROWS, signal);
      return textResult(rows.map(([line]) => line).join('\n'));
    },
  },
];

/** The tools as `tools/list` shows them. */
export const TOOL_LIST: readonly Tool[] = TOOLS.map(({ call: _call, ...tool }) => tool);

/** Answers one `tools/call`; whatever goes wrong, wrong arguments too, is a result with `isError: true`. */
export async function callTool(
  database: Database,
  name: string,
  args: Arguments,
  signal: AbortSignal,
): Promise<CallToolResult> {
  try {
    const tool = TOOLS.find((candidate) => candidate.name === name);
    if (!tool) throw new Error(`there is no tool ${JSON.stringify(name)}`);
    return await tool.call(database, args, signal);
  } catch (error) {
    return { ...textResult(`Error: ${(error as Error).message}`), isError: true };
  }
}

function text(args: Arguments, name: string, fallback?: string): string {
  const value = args[name] ?? fallback;
  if (typeof value === 'string') return value;
  throw new Error(`the argument "${name}" must be a string`);
}

function readObjectType(args: Arguments): ObjectType {
  const value = text(args, 'object_type', 'table');
  const type = OBJECT_TYPES.find((candidate) => candidate === value);
  if (type) return type;
  throw new Error(`the argument "object_type" must be one of ${OBJECT_TYPES.join(', ')}`);
}

function textResult(...texts: readonly string[]): CallToolResult {
  return { content: texts.map((text) => ({ type: 'text', text })) };
}

function rowsResult(result: QueryResult): CallToolResult {
  if (result.columns.length === 0) return textResult('No results');
  const json = rowsToJson(result);
  // The note is a text of its own, so that the first one stays JSON.
  return result.isTruncated ? textResult(json, `Only the first ${MAX_ROWS} rows are shown.`) : textResult(json);
}
