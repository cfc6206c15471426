import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import type { Database } from './database.ts';
import { callTool, TOOL_LIST } from './tools.ts';

/** Makes the MCP server of one session; the database behind it is shared. */
export function createDemoServer(database: Database): Server {
  const server = new Server(
    { name: 'mcp-drawbridge-demo', version: '1.0.0' },
    {
      capabilities: { tools: {} },
      instructions: 'A read-only PostgreSQL database with sample data in the schema "main".',
    },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [...TOOL_LIST] }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }, { signal }) =>
    callTool(database, params.name, params.arguments ?? {}, signal),
  );
  return server;
}
