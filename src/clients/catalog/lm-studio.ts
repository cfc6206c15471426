import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inHome } from '../folders.ts';

/** From 0.3.17 on; whether it speaks legacy SSE its makers do not say. */
export const LM_STUDIO = defineClient({
  id: 'lm-studio',
  title: 'LM Studio',
  aliases: ['lmstudio'],
  format: 'json',
  parent: ['mcpServers'],
  locate: (machine) => {
    const file = inHome(machine, '.lmstudio', 'mcp.json');
    // Where some builds for macOS have it.
    const older = inHome(machine, '.cache', 'lm-studio', 'mcp.json');
    return machine.isFile(older) ? (machine.isFile(file) ? [file, older] : [older]) : [file];
  },
  startsBridge: commonBridge,
  reaches: (server) => ({ url: server.address, ...headersOf(server) }),
  speaksSse: false,
});
