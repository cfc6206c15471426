import { defineClient } from '../define-client.ts';
import { inAppData, inConfig, inHome } from '../folders.ts';

const ON = { enabled: true, timeout: 300 };

export const GOOSE = defineClient({
  id: 'goose',
  title: 'Goose',
  format: 'yaml',
  parent: ['extensions'],
  locate: (machine) => {
    if (machine.platform === 'win32') return [inAppData(machine, 'Block', 'goose', 'config', 'config.yaml')];
    if (machine.platform === 'linux') return [inConfig(machine, 'goose', 'config.yaml')];
    return [inHome(machine, '.config', 'goose', 'config.yaml')];
  },
  startsBridge: ({ command, args, env }, name) => ({
    name,
    type: 'stdio',
    cmd: command,
    args,
    ...(Object.keys(env).length === 0 ? {} : { envs: env }),
    ...ON,
  }),
  reaches: ({ address, transport, headers }, name) => ({
    name,
    type: transport === 'sse' ? 'sse' : 'streamable_http',
    uri: address,
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    ...ON,
  }),
});
