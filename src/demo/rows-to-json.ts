import type { Column, QueryResult } from './wire.ts';

const BOOL = 16;
const INTEGERS = new Set([20, 21, 23, 26]);
const FLOATS = new Set([700, 701]);
const JSON_TYPES = new Set([114, 3802]);

/**
 * Renders rows as a JSON array of objects, one row a line.
 *
 * Built from PostgreSQL's text: numerics, and integers beyond 2^53, become strings, so that no reader rounds them. A column
 * name that comes twice gets a number (`count`, `count_2`), as an object would keep only one.
 */
export function rowsToJson({ columns, rows }: Pick<QueryResult, 'columns' | 'rows'>): string {
  if (rows.length === 0) return '[]';
  const keys = uniqueNames(columns).map((name) => JSON.stringify(name));
  const lines = rows.map((row) => {
    const members = row.map((value, i) => `${keys[i]}: ${valueToJson(value, columns[i]?.typeId ?? 0)}`);
    return `  {${members.join(', ')}}`;
  });
  return `[\n${lines.join(',\n')}\n]`;
}

function valueToJson(value: string | null, typeId: number): string {
  if (value === null) return 'null';
  if (typeId === BOOL) return value === 't' ? 'true' : 'false';
  if (INTEGERS.has(typeId) && Number.isSafeInteger(Number(value))) return value;
  if (FLOATS.has(typeId) && Number.isFinite(Number(value))) return value;
  if (JSON_TYPES.has(typeId)) return value;
  return JSON.stringify(value);
}

function uniqueNames(columns: readonly Column[]): string[] {
  const taken = new Set<string>();
  return columns.map(({ name }) => {
    let unique = name;
    for (let n = 2; taken.has(unique); n += 1) unique = `${name}_${n}`;
    taken.add(unique);
    return unique;
  });
}
