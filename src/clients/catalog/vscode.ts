import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inApplicationData, joinPath } from '../folders.ts';

/** VS Code asks for the secret once and keeps it; its key for servers is its own. */
export const VSCODE = defineClient({
  id: 'vscode',
  title: 'VS Code (Copilot)',
  aliases: ['vs-code', 'code', 'copilot'],
  format: 'json',
  parent: ['servers'],
  locate: (machine) => [inApplicationData(machine, 'Code', 'User', 'mcp.json')],
  locateProject: (machine) => joinPath(machine, machine.folder, '.vscode', 'mcp.json'),
  startsBridge: (launch) => ({ type: 'stdio', ...commonBridge(launch) }),
  reaches: (server) => ({ type: server.transport, url: server.address, ...headersOf(server) }),
  quote: (variable) => `\${input:${variable}}`,
  also: ({ token }) =>
    token === undefined || token.value !== undefined
      ? []
      : [
          {
            path: ['inputs'],
            value: { type: 'promptString', id: token.variable, description: 'Key of the MCP server', password: true },
            member: { key: 'id', is: token.variable },
          },
        ],
});
