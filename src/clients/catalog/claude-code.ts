import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inHome, joinPath } from '../folders.ts';

export const CLAUDE_CODE = defineClient({
  id: 'claude-code',
  title: 'Claude Code',
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => [inHome(machine, '.claude.json')],
  locateProject: (machine) => joinPath(machine, machine.folder, '.mcp.json'),
  startsBridge: (launch) => ({ type: 'stdio', ...commonBridge(launch) }),
  reaches: (server) => ({ type: server.transport, url: server.address, ...headersOf(server) }),
  quote: (variable) => `\${${variable}}`,
  notes: ['claude mcp list says whether it is connected.'],
});
