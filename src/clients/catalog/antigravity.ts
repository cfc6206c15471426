import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inHome } from '../folders.ts';

export const ANTIGRAVITY = defineClient({
  id: 'antigravity',
  title: 'Antigravity',
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => [inHome(machine, '.gemini', 'antigravity', 'mcp_config.json')],
  startsBridge: commonBridge,
  reaches: (server) => ({ serverUrl: server.address, ...headersOf(server) }),
});
