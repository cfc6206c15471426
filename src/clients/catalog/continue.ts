import { commonBridge, defineClient } from '../define-client.ts';
import { inHome } from '../folders.ts';

export const CONTINUE = defineClient({
  id: 'continue',
  title: 'Continue',
  format: 'yaml',
  parent: ['mcpServers'],
  memberKey: 'name',
  locate: (machine) => [inHome(machine, '.continue', 'config.yaml')],
  startsBridge: (launch, name) => ({ name, type: 'stdio', ...commonBridge(launch) }),
  reaches: ({ address, transport, headers }, name) => ({
    name,
    type: transport === 'sse' ? 'sse' : 'streamable-http',
    url: address,
    ...(Object.keys(headers).length === 0 ? {} : { requestOptions: { headers } }),
  }),
});
