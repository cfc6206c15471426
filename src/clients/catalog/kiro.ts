import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inHome, joinPath } from '../folders.ts';

export const KIRO = defineClient({
  id: 'kiro',
  title: 'Kiro',
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => [inHome(machine, '.kiro', 'settings', 'mcp.json')],
  locateProject: (machine) => joinPath(machine, machine.folder, '.kiro', 'settings', 'mcp.json'),
  startsBridge: commonBridge,
  reaches: (server) => ({ type: 'streamable-http', url: server.address, ...headersOf(server) }),
  speaksSse: false,
});
