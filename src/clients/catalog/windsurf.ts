import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inHome } from '../folders.ts';

export const WINDSURF = defineClient({
  id: 'windsurf',
  title: 'Windsurf',
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => [inHome(machine, '.codeium', 'windsurf', 'mcp_config.json')],
  startsBridge: commonBridge,
  // An entry with `url` in its place is not read.
  reaches: (server) => ({ serverUrl: server.address, ...headersOf(server) }),
  quote: (variable) => `\${env:${variable}}`,
});

/** The plugin for the IDEs of JetBrains has a file of its own. */
export const WINDSURF_JETBRAINS = defineClient({
  id: 'windsurf-jetbrains',
  title: 'Windsurf plugin (JetBrains)',
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => [inHome(machine, '.codeium', 'mcp_config.json')],
  startsBridge: commonBridge,
  reaches: (server) => ({ serverUrl: server.address, ...headersOf(server) }),
  quote: (variable) => `\${env:${variable}}`,
});
