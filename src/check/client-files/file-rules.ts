import type { McpClient } from '../../clients/client.ts';
import {
  type ClientFile,
  type FoundServer,
  failure,
  type Problem,
  type ReadableMachine,
  urlOf,
  warning,
} from './client-file.ts';
import { foreignKey, placeOf } from './find-servers.ts';
import { hasSecret } from './secret-rules.ts';

/** They read JSON as JavaScript does; comments and a comma at the end are errors to them. */
const STRICT_JSON = ['claude-desktop', 'claude-code', 'windsurf', 'windsurf-jetbrains', 'cline', 'cline-cli'];

/** What is wrong with a file as a whole. */
export function judgeFile(file: ClientFile, servers: readonly FoundServer[], machine: ReadableMachine): Problem[] {
  const problems: Problem[] = [];
  const { client, path, text, hasBom } = file;
  if (hasBom) {
    problems.push(
      warning(
        'begins with a byte order mark, at which a strict reader of JSON stops',
        'Save it as UTF-8 without a BOM; in PowerShell, Set-Content -Encoding utf8NoBOM.',
      ),
    );
  }
  if (STRICT_JSON.includes(client.id) && text.trim() !== '') {
    try {
      JSON.parse(text);
    } catch {
      problems.push(
        failure(
          `has a comment or a comma at the end of a list, which ${client.title} does not read`,
          'Take it out: the whole file is not read as it is.',
        ),
      );
    }
  }
  const foreign = foreignKey(file, machine);
  if (foreign !== undefined) {
    const own = String(placeOf(client, machine).parent[0]);
    problems.push(
      failure(`has servers under ${foreign}, and ${client.title} reads ${own}`, `Rename ${foreign} to ${own}.`),
    );
  }
  if (servers.some(hasSecret) && machine.isReadByOthers(path)) {
    problems.push(
      warning('has secrets in it, and other users of this machine can read it', `chmod 600 ${JSON.stringify(path)}`),
    );
  }
  return problems;
}

/** Servers that a client is given twice, whose tools it then shows twice. */
export function judgeTwins(
  servers: readonly FoundServer[],
): { readonly server: FoundServer; readonly problem: Problem }[] {
  const first = new Map<string, FoundServer>();
  return servers.flatMap((server) => {
    const key = keyOf(server);
    const twin = key === undefined ? undefined : first.get(key);
    if (key !== undefined && twin === undefined) first.set(key, server);
    if (twin === undefined) return [];
    const isMixed = (twin.address === undefined) !== (server.address === undefined);
    const how = isMixed ? ', once directly and once through a bridge' : '';
    const said = `is the same server as "${twin.name}"${how}: its tools are there twice`;
    return [{ server, problem: warning(said, 'Keep one of the two.') }];
  });
}

/** The address without what tells its transport, and without the name by which this machine is called. */
function keyOf(server: FoundServer): string | undefined {
  const url = urlOf(server);
  if (url === undefined) return undefined;
  const host = url.host.replace(/^localhost(?=:|$)/, '127.0.0.1').replace(/^\[::1\]/, '127.0.0.1');
  return `${url.protocol}//${host}${url.pathname.replace(/\/(sse|mcp)\/?$/, '').replace(/\/$/, '')}${url.search}`;
}

/** Claude Desktop of the Store has a folder of its own, and what is written elsewhere it may not see. */
export function judgeSeveral(
  client: McpClient,
  paths: readonly string[],
  show: (path: string) => string,
): Problem | undefined {
  if (client.id !== 'claude-desktop' || paths.length < 2) return undefined;
  return warning(
    `has ${paths.length} files: ${paths.map(show).join(', ')}; the one that counts is that of the app you start, the Store’s first`,
    'In the app, Settings, Developer, Edit Config shows its own; keep your servers in that one, and remove the other.',
  );
}
