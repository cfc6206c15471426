import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { connectBridge, connectHttp, connectSse, type TestClient } from '../parts/mcp-client.ts';
import { runPythonClient } from './python-client.mjs';

const EXACT = '12345678901234567.123456789012345678';
const COUNT = 'select count(*) from main.primitive_events';
const TOOLS = [
  'analyze_db_health',
  'analyze_query_indexes',
  'analyze_workload_indexes',
  'execute_sql',
  'explain_query',
  'get_object_details',
  'get_top_queries',
  'list_objects',
  'list_schemas',
];

let gateway: GatewayProcess;
const upstream = inject('postgresMcpUrl');

beforeAll(async () => {
  gateway = await startGatewayProcess(upstream, [
    '--limit-calls',
    '100000',
    '--limit-requests',
    '100000',
    '--limit-address',
    '100000',
  ]);
});
afterAll(() => gateway.close());

const chains = [
  {
    chain: 'A: SSE client → gateway → postgres-mcp',
    connect: () => connectSse(`${gateway.origin}/sse`, gateway.alice),
  },
  {
    chain: 'A: Streamable HTTP client → gateway → postgres-mcp',
    connect: () => connectHttp(`${gateway.origin}/mcp`, gateway.alice),
  },
  {
    chain: 'B: stdio client → bridge → gateway → postgres-mcp',
    connect: () =>
      connectBridge([`${gateway.origin}/sse`], { DRAWBRIDGE_HEADER: `Authorization: ${gateway.alice.Authorization}` }),
  },
  { chain: 'C: stdio client → bridge → postgres-mcp', connect: () => connectBridge([upstream]) },
];

describe.each(chains)('$chain', ({ connect }) => {
  let client: TestClient;
  beforeAll(async () => {
    client = await connect();
  });
  afterAll(() => client.close());

  it('lists the very tools that the server itself lists', async () => {
    const direct = await connectSse(upstream);
    const [through, itself] = await Promise.all([client.client.listTools(), direct.client.listTools()]);
    await direct.close();
    expect(through).toEqual(itself);
    expect(through.tools.map(({ name }) => name).sort()).toEqual(TOOLS);
  });

  it('runs SQL and brings the rows', async () => {
    expect(await client.callText('execute_sql', { sql: COUNT })).toBe("[{'count': 1000}]");
  });

  it('brings a numeric that no JavaScript number can hold', async () => {
    const text = await client.callText('execute_sql', { sql: 'select max(value) as value from main.primitive_events' });
    expect(text).toContain(EXACT);
  });

  it('keeps the refusal of a write in restricted mode', async () => {
    const text = await client.callText('execute_sql', { sql: 'delete from main.primitive_events' });
    expect(text).toBe('Error: Error validating query: delete from main.primitive_events');
  });
});

describe('chain D: an independent implementation, the Python SDK’s sse_client', () => {
  it('lists the tools and reads the rows through the gateway', async () => {
    const seen = await runPythonClient('1.30.0', 'sse', `${gateway.origin}/sse`, gateway.alice, [
      ['execute_sql', { sql: COUNT }],
    ]);
    expect([...seen.tools].sort()).toEqual(TOOLS);
    expect(seen.texts).toEqual(["[{'count': 1000}]"]);
    expect(seen.server).toBe('postgres-mcp');
  });
});

describe('two users in parallel', () => {
  it('get 200 answers each, with colliding ids, and never one of the other', async () => {
    const alice = await connectSse(`${gateway.origin}/sse`, gateway.alice);
    const bob = await connectSse(`${gateway.origin}/sse`, gateway.bob);
    const numbers = Array.from({ length: 200 }, (_value, index) => index);
    const ask = (client: TestClient, name: string): Promise<string[]> =>
      Promise.all(
        numbers.map((index) => client.callText('execute_sql', { sql: `select '${name}' as who, ${index} as n` })),
      );
    try {
      const [hers, his] = await Promise.all([ask(alice, 'alice'), ask(bob, 'bob')]);
      expect(hers).toEqual(numbers.map((index) => `[{'who': 'alice', 'n': ${index}}]`));
      expect(his).toEqual(numbers.map((index) => `[{'who': 'bob', 'n': ${index}}]`));
    } finally {
      await Promise.all([alice.close(), bob.close()]);
    }
  });
});
