import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inHome, joinPath } from '../folders.ts';

export const GEMINI_CLI = defineClient({
  id: 'gemini-cli',
  title: 'Gemini CLI',
  aliases: ['gemini'],
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => [inHome(machine, '.gemini', 'settings.json')],
  locateProject: (machine) => joinPath(machine, machine.folder, '.gemini', 'settings.json'),
  startsBridge: commonBridge,
  // Which of the two keys it is says which transport.
  reaches: (server) => ({ [server.transport === 'sse' ? 'url' : 'httpUrl']: server.address, ...headersOf(server) }),
  quote: (variable) => `$${variable}`,
});
