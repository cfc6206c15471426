import { commonBridge, defineClient } from '../define-client.ts';
import { inHome, joinPath } from '../folders.ts';

/** It starts programs; that it reaches servers by itself its makers do not say. */
export const JUNIE = defineClient({
  id: 'junie',
  title: 'Junie (JetBrains)',
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => [inHome(machine, '.junie', 'mcp', 'mcp.json')],
  locateProject: (machine) => joinPath(machine, machine.folder, '.junie', 'mcp', 'mcp.json'),
  startsBridge: commonBridge,
});
