import { defineClient, headersOf } from '../define-client.ts';
import { inConfig, inHome, joinPath } from '../folders.ts';

export const OPENCODE = defineClient({
  id: 'opencode',
  title: 'opencode',
  format: 'json',
  parent: ['mcp'],
  locate: (machine) => {
    const folder =
      machine.platform === 'linux' ? inConfig(machine, 'opencode') : inHome(machine, '.config', 'opencode');
    const names = ['opencode.json', 'opencode.jsonc'].map((name) => joinPath(machine, folder, name));
    const found = names.filter((path) => machine.isFile(path));
    return found.length === 0 ? names.slice(0, 1) : found;
  },
  locateProject: (machine) => joinPath(machine, machine.folder, 'opencode.json'),
  startsBridge: ({ command, args, env }) => ({
    type: 'local',
    command: [command, ...args],
    ...(Object.keys(env).length === 0 ? {} : { environment: env }),
    enabled: true,
  }),
  reaches: (server) => ({ type: 'remote', url: server.address, ...headersOf(server), enabled: true }),
  quote: (variable) => `{env:${variable}}`,
});
