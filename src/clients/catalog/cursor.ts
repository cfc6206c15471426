import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inHome, joinPath } from '../folders.ts';

export const CURSOR = defineClient({
  id: 'cursor',
  title: 'Cursor',
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => [inHome(machine, '.cursor', 'mcp.json')],
  locateProject: (machine) => joinPath(machine, machine.folder, '.cursor', 'mcp.json'),
  startsBridge: commonBridge,
  reaches: (server) => ({ url: server.address, ...headersOf(server) }),
  quote: (variable) => `\${env:${variable}}`,
});
