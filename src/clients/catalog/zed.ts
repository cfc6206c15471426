import { commonBridge, defineClient, headersOf } from '../define-client.ts';
import { inAppData, inConfig, inHome, joinPath } from '../folders.ts';

/** Whether it speaks legacy SSE its makers do not say. */
export const ZED = defineClient({
  id: 'zed',
  title: 'Zed',
  format: 'json',
  parent: ['context_servers'],
  locate: (machine) => {
    if (machine.platform === 'win32') return [inAppData(machine, 'Zed', 'settings.json')];
    if (machine.platform === 'linux') return [inConfig(machine, 'zed', 'settings.json')];
    return [inHome(machine, '.config', 'zed', 'settings.json')];
  },
  locateProject: (machine) => joinPath(machine, machine.folder, '.zed', 'settings.json'),
  startsBridge: (launch) => ({ ...commonBridge(launch), ...(Object.keys(launch.env).length === 0 ? { env: {} } : {}) }),
  reaches: (server) => ({ url: server.address, ...headersOf(server) }),
  speaksSse: false,
});
