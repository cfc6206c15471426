import { type ClientFacts, commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inApplicationData, inHome } from '../folders.ts';

const SHAPE: Pick<ClientFacts, 'format' | 'parent' | 'startsBridge' | 'reaches'> = {
  format: 'json',
  parent: ['mcpServers'],
  startsBridge: (launch) => ({ ...commonBridge(launch), disabled: false }),
  // Without a type it takes the server for one that speaks SSE.
  reaches: (server) => ({
    type: server.transport === 'sse' ? 'sse' : 'streamableHttp',
    url: server.address,
    ...headersOf(server),
    disabled: false,
  }),
};

export const CLINE = defineClient({
  ...SHAPE,
  id: 'cline',
  title: 'Cline (VS Code)',
  locate: (machine) => [
    inApplicationData(
      machine,
      'Code',
      'User',
      'globalStorage',
      'saoudrizwan.claude-dev',
      'settings',
      'cline_mcp_settings.json',
    ),
  ],
});

export const CLINE_CLI = defineClient({
  ...SHAPE,
  id: 'cline-cli',
  title: 'Cline CLI',
  locate: (machine) => [
    machine.env['CLINE_MCP_SETTINGS_PATH'] || inHome(machine, '.cline', 'data', 'settings', 'cline_mcp_settings.json'),
  ],
});
