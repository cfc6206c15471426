import { commonBridge, defineClient } from '../define-client.ts';
import { inHome, joinPath } from '../folders.ts';

/** It waits 10 s for a server to start, which the first npx may take longer than; and it refuses a token in its file. */
export const CODEX = defineClient({
  id: 'codex',
  title: 'Codex',
  aliases: ['codex-cli'],
  format: 'toml',
  parent: ['mcp_servers'],
  locate: (machine) => {
    const { CODEX_HOME: folder } = machine.env;
    return [folder ? joinPath(machine, folder, 'config.toml') : inHome(machine, '.codex', 'config.toml')];
  },
  locateProject: (machine) => joinPath(machine, machine.folder, '.codex', 'config.toml'),
  startsBridge: (launch) => ({ ...commonBridge(launch), startup_timeout_sec: 30 }),
  reaches: ({ address, token, headers }) => {
    if (token === undefined) return { url: address };
    return token.value === undefined
      ? { url: address, bearer_token_env_var: token.variable }
      : { url: address, http_headers: headers };
  },
  speaksSse: false,
  quote: (variable) => variable,
});
