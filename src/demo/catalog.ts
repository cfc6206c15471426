/** Kinds of objects that `list_objects` and `get_object_details` know. */
export const OBJECT_TYPES = ['table', 'view', 'sequence', 'extension'] as const;
export type ObjectType = (typeof OBJECT_TYPES)[number];

/** All schemas, the user's first. */
export const LIST_SCHEMAS = `
SELECT nspname AS schema_name, pg_get_userbyid(nspowner) AS schema_owner,
  CASE WHEN nspname = 'information_schema' THEN 'System Information Schema'
       WHEN nspname LIKE 'pg\\_%' THEN 'System Schema' ELSE 'User Schema' END AS schema_type
FROM pg_namespace ORDER BY schema_type DESC, schema_name`;

const RELATIONS = (kinds: string, type: ObjectType): string => `
SELECT n.nspname AS schema, c.relname AS name, '${type}' AS type
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN (${kinds}) ORDER BY name`;

/** The objects of one type in schema `$1`; extensions belong to no schema, so all are listed, and `$1` says nothing. */
export const LIST_OBJECTS: Readonly<Record<ObjectType, string>> = {
  table: RELATIONS(`'r', 'p', 'f'`, 'table'),
  view: RELATIONS(`'v', 'm'`, 'view'),
  sequence: RELATIONS(`'S'`, 'sequence'),
  extension: `
SELECT extname AS name, extversion AS version, extrelocatable AS relocatable
FROM pg_extension WHERE $1::text IS NOT NULL ORDER BY name`,
};

const RELATION_DETAILS = (kinds: string, type: ObjectType): string => `
SELECT json_build_object(
  'basic', json_build_object('schema', n.nspname, 'name', c.relname, 'type', '${type}'),
  'columns', (SELECT coalesce(json_agg(json_build_object(
      'column', a.attname, 'data_type', format_type(a.atttypid, a.atttypmod),
      'is_nullable', CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END,
      'default', pg_get_expr(d.adbin, d.adrelid)) ORDER BY a.attnum), '[]')
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'constraints', (SELECT coalesce(json_agg(json_build_object(
      'name', k.conname, 'type', CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'f' THEN 'FOREIGN KEY'
        WHEN 'u' THEN 'UNIQUE' WHEN 'c' THEN 'CHECK' ELSE 'OTHER' END,
      'columns', (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]') FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey))) ORDER BY k.conname), '[]')
    FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype <> 'n'),
  'indexes', (SELECT coalesce(json_agg(json_build_object(
      'name', i.relname, 'definition', pg_get_indexdef(i.oid)) ORDER BY i.relname), '[]')
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN (${kinds})`;

/** One row with one JSON value (names and text, no numbers) that describes the object `$2` in schema `$1`; no row where there is none. */
export const OBJECT_DETAILS: Readonly<Record<ObjectType, string>> = {
  table: RELATION_DETAILS(`'r', 'p', 'f'`, 'table'),
  view: RELATION_DETAILS(`'v', 'm'`, 'view'),
  sequence: `
SELECT json_build_object('schema', schemaname, 'name', sequencename, 'data_type', data_type::text,
  'start_value', start_value::text, 'increment', increment_by::text)
FROM pg_sequences WHERE schemaname = $1 AND sequencename = $2`,
  extension: `
SELECT json_build_object('name', extname, 'version', extversion, 'relocatable', extrelocatable)
FROM pg_extension WHERE $1::text IS NOT NULL AND extname = $2`,
};
