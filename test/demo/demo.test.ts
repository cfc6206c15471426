import { request } from 'node:http';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type DemoUpstream, startDemoUpstream } from '../../src/demo/index.ts';

let demo: DemoUpstream;
const clients: Client[] = [];

beforeAll(async () => {
  demo = await startDemoUpstream();
}, 60_000);
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(() => demo.close());

async function connect(kind: 'sse' | 'streamable-http'): Promise<Client> {
  const transport =
    kind === 'sse'
      ? new SSEClientTransport(new URL(demo.url))
      : new StreamableHTTPClientTransport(new URL(demo.httpUrl));
  const client = new Client({ name: 'demo-test', version: '1.0.0' });
  clients.push(client);
  await client.connect(transport as Transport);
  return client;
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}) {
  const result = (await client.callTool({ name, arguments: args })) as CallToolResult;
  const texts = result.content.map((part) => (part.type === 'text' ? part.text : `(${part.type})`));
  return { isError: result.isError ?? false, text: texts[0] ?? '', texts };
}

const sql = (client: Client, statement: string) => call(client, 'execute_sql', { sql: statement });

describe.each(['sse', 'streamable-http'] as const)('the demo upstream over %s', (kind) => {
  it("lists postgres-mcp's tools with its argument names", async () => {
    const { tools } = await (await connect(kind)).listTools();
    const shape = tools.map(({ name, inputSchema }) => [name, Object.keys(inputSchema.properties ?? {})]);
    expect(shape).toEqual([
      ['list_schemas', []],
      ['list_objects', ['schema_name', 'object_type']],
      ['get_object_details', ['schema_name', 'object_name', 'object_type']],
      ['execute_sql', ['sql']],
      ['explain_query', ['sql', 'analyze', 'hypothetical_indexes']],
    ]);
  });

  it('answers every tool', async () => {
    const client = await connect(kind);
    expect(JSON.parse((await call(client, 'list_schemas')).text)).toContainEqual({
      schema_name: 'main',
      schema_owner: 'postgres',
      schema_type: 'User Schema',
    });
    expect(JSON.parse((await call(client, 'list_objects', { schema_name: 'main' })).text)).toEqual([
      { schema: 'main', name: 'primitive_events', type: 'table' },
      { schema: 'main', name: 'streams', type: 'table' },
      { schema: 'main', name: 'taxonomies', type: 'table' },
    ]);
    const details = { schema_name: 'main', object_name: 'primitive_events' };
    const described = JSON.parse((await call(client, 'get_object_details', details)).text);
    expect(described.basic).toEqual({ schema: 'main', name: 'primitive_events', type: 'table' });
    expect(described.columns).toContainEqual({
      column: 'value',
      data_type: 'numeric(36,18)',
      is_nullable: 'NO',
      default: null,
    });
    expect(described.constraints).toContainEqual({
      name: 'primitive_events_pkey',
      type: 'PRIMARY KEY',
      columns: ['stream_ref', 'event_time'],
    });
    expect(described.indexes[1].definition).toBe(
      'CREATE INDEX primitive_events_time ON main.primitive_events USING btree (event_time)',
    );
    expect((await sql(client, 'SELECT count(*) FROM main.primitive_events')).text).toBe('[\n  {"count": 300}\n]');
    const explained = await call(client, 'explain_query', { sql: 'SELECT * FROM main.streams', analyze: true });
    expect(explained.text).toMatch(/^Seq Scan on streams .*\(actual time=/);
  });

  it('shows a numeric that JavaScript would round, unrounded', async () => {
    const { text } = await sql(await connect(kind), demo.sampleQuery);
    expect(text).toContain('"value": "12345678901234567.123456789012345678"');
  });
});

describe('what the demo upstream refuses', () => {
  const refusals: readonly [statement: string, message: string][] = [
    ['DELETE FROM main.streams', 'cannot execute DELETE in a read-only transaction'],
    ['CREATE TABLE main.x (i int)', 'cannot execute CREATE TABLE in a read-only transaction'],
    ['COMMIT; DELETE FROM main.streams', 'cannot insert multiple commands into a prepared statement'],
    ['DO $$ BEGIN COMMIT; DELETE FROM main.streams; END $$', 'invalid transaction termination'],
    [
      'DO $$ BEGIN SET TRANSACTION READ WRITE; DELETE FROM main.streams; END $$',
      'transaction read-write mode must be set before any query',
    ],
    ['DO $$ BEGIN RESET ROLE; DELETE FROM main.streams; END $$', 'cannot execute DELETE in a read-only transaction'],
    ["COPY (SELECT 1) TO PROGRAM 'id'", 'permission denied to COPY to or from an external program'],
    ['SELEC 1', 'syntax error at or near "SELEC"'],
  ];
  it.each(refusals)('%s', async (statement, message) => {
    const client = await connect('sse');
    const { isError, text } = await sql(client, statement);
    expect(isError).toBe(true);
    expect(text.split('\n')[0]).toBe(`Error: ${message}`);
    expect((await sql(client, 'SELECT count(*) FROM main.streams')).text).toContain('{"count": 6}');
  });

  it.each([
    ['no_such_tool', {}, 'there is no tool "no_such_tool"'],
    ['execute_sql', { sql: 1 }, 'the argument "sql" must be a string'],
    ['list_objects', {}, 'the argument "schema_name" must be a string'],
    ['list_objects', { schema_name: 'main', object_type: 'x' }, /^Error: the argument "object_type" must be one of /],
    ['get_object_details', { schema_name: 'main', object_name: "x'" }, `there is no table "x'" in schema "main"`],
    ['explain_query', { sql: 'SELECT 1', hypothetical_indexes: [{}] }, /hypopg/],
  ] as const)('%s with %j', async (name, args, message) => {
    const { isError, text } = await call(await connect('sse'), name, args);
    expect(isError).toBe(true);
    expect(text).toEqual(typeof message === 'string' ? `Error: ${message}` : expect.stringMatching(message));
  });

  it('a foreign Host', async () => {
    expect(await statusFor({ host: 'attacker.example' })).toBe(403);
  });
});

it('cuts an answer at 1000 rows and says so', async () => {
  const client = await connect('streamable-http');
  const cut = await sql(client, 'SELECT * FROM generate_series(1, 1001)');
  expect(JSON.parse(cut.text)).toHaveLength(1000);
  expect(cut.texts[1]).toBe('Only the first 1000 rows are shown.');
  expect((await sql(client, 'SELECT * FROM generate_series(1, 1000)')).texts).toHaveLength(1);
});

it('refuses an answer of more than 4 MiB, and answers the next', async () => {
  const client = await connect('sse');
  expect(await sql(client, "SELECT repeat('x', 5000000)")).toMatchObject({ isError: true });
  expect((await sql(client, 'SELECT 1 AS one')).text).toContain('{"one": 1}');
});

it("answers two sessions' calls, made at the same time, each with its own", async () => {
  const sessions = await Promise.all([connect('sse'), connect('streamable-http'), connect('sse')]);
  const numbers = Array.from({ length: 30 }, (_, n) => n);
  const answers = await Promise.all(numbers.map((n) => sql(sessions[n % 3]!, `SELECT ${n} AS n`)));
  expect(answers.map(({ text }) => text)).toEqual(numbers.map((n) => `[\n  {"n": ${n}}\n]`));
});

it("leaves nothing of one session's statement for another's", async () => {
  const [one, other] = [await connect('sse'), await connect('sse')];
  await sql(one, 'PREPARE mine AS SELECT 1');
  await sql(one, 'SELECT pg_advisory_lock(1)');
  await sql(one, "SET TIME ZONE 'Asia/Tokyo'");
  expect((await sql(other, 'EXECUTE mine')).text).toBe('Error: prepared statement "mine" does not exist');
  expect((await sql(other, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")).text).toContain(
    '{"count": 0}',
  );
  expect((await sql(other, 'SHOW TIME ZONE')).text).toContain('"UTC"');
});

it('has a sample query of one line with at most 6 rows', async () => {
  expect(demo.sampleQuery).not.toContain('\n');
  const rows = JSON.parse((await sql(await connect('sse'), demo.sampleQuery)).text);
  expect(rows.length).toBeGreaterThan(1);
  expect(rows.length).toBeLessThanOrEqual(6);
});

// The last one: it ends what the others share.
it('ends every stream and the server with close(), however often it is called', async () => {
  const [sse, http] = [await connect('sse'), await connect('streamable-http')];
  const closed = new Promise<void>((resolve) => {
    sse.onclose = resolve;
    sse.onerror = () => resolve();
  });
  const pending = sql(http, 'SELECT pg_sleep(5)').catch((error: unknown) => error);
  await Promise.all([demo.close(), demo.close()]);
  await demo.close();
  await closed;
  await expect(statusFor({})).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await http.close();
  expect(await pending).toBeInstanceOf(Error);
});

function statusFor(headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(demo.httpUrl, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}
