import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inHome } from '../folders.ts';

export const COPILOT_CLI = defineClient({
  id: 'copilot-cli',
  title: 'Copilot CLI',
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => [inHome(machine, '.copilot', 'mcp-config.json')],
  startsBridge: (launch) => ({ type: 'local', ...commonBridge(launch), tools: ['*'] }),
  reaches: (server) => ({ type: server.transport, url: server.address, ...headersOf(server), tools: ['*'] }),
});
