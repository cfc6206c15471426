import type { McpClient } from '../../clients/client.ts';
import type { Machine } from '../../clients/machine.ts';
import type { ClientFile, FoundServer } from './client-file.ts';

type Table = Readonly<Record<string, unknown>>;
type Path = readonly (string | number)[];

const URL_KEYS = ['url', 'serverUrl', 'httpUrl', 'uri'];
/** What other clients call the object of servers. */
const PARENT_KEYS = ['mcpServers', 'servers', 'context_servers', 'mcp_servers'];

/** Where a client's servers stand in its file, and whether they are a list with their name in a key. */
export function placeOf(client: McpClient, machine: Machine): { readonly parent: Path; readonly memberKey?: string } {
  const sample = { name: 'x', url: new URL('http://127.0.0.1/mcp'), transport: 'http' } as const;
  const { path, member } = client.describe(sample, machine, 'bridge');
  return member === undefined ? { parent: path.slice(0, -1) } : { parent: path, memberKey: member.key };
}

/** Every entry of a file that is switched on. */
export function findServers(file: ClientFile, machine: Machine): FoundServer[] {
  const { parent, memberKey } = placeOf(file.client, machine);
  const places: Path[] = [parent];
  // Claude Code keeps what was added for one folder alone beside what is everywhere.
  if (file.client.id === 'claude-code') places.push(['projects', machine.folder, ...parent]);
  return places.flatMap((place) =>
    entriesAt(file.content, place, memberKey).flatMap(([name, path, value]) =>
      value['disabled'] === true || value['enabled'] === false ? [] : [readEntry(file, name, path, value)],
    ),
  );
}

/** A key of the top that holds servers in the way of another client; undefined where there is none. */
export function foreignKey(file: ClientFile, machine: Machine): string | undefined {
  const own = placeOf(file.client, machine).parent[0];
  return PARENT_KEYS.find((key) => {
    if (key === own) return false;
    return entriesAt(file.content, [key], undefined).some(([, , value]) => {
      return 'command' in value || URL_KEYS.some((urlKey) => urlKey in value);
    });
  });
}

function entriesAt(content: unknown, place: Path, memberKey: string | undefined): [string, Path, Table][] {
  let at: unknown = content;
  for (const key of place) at = isRecord(at) && Object.hasOwn(at, key) ? at[String(key)] : undefined;
  if (Array.isArray(at)) {
    return at.flatMap((value: unknown, index) =>
      isRecord(value) ? [[String(value[memberKey ?? 'name'] ?? index), [...place, index], value]] : [],
    );
  }
  if (!isRecord(at)) return [];
  return Object.entries(at).flatMap(([name, value]) => (isRecord(value) ? [[name, [...place, name], value]] : []));
}

function readEntry(file: ClientFile, name: string, path: Path, value: Table): FoundServer {
  const { command, args } = readCommand(value);
  const key = URL_KEYS.find((each) => typeof value[each] === 'string');
  const options = value['requestOptions'];
  return {
    client: file.client,
    file,
    name,
    line: file.lineOf(path),
    command,
    args,
    env: textsOf(value['env'] ?? value['envs'] ?? value['environment']),
    address: key === undefined ? undefined : { key, text: value[key] as string },
    headers: textsOf(value['headers'] ?? value['http_headers'] ?? (isRecord(options) ? options['headers'] : undefined)),
    type: typeof value['type'] === 'string' ? value['type'] : undefined,
  };
}

/** As one text, as a list with its arguments, or as an object that has both. */
function readCommand(value: Table): { command: string | undefined; args: readonly string[] } {
  const command = value['command'] ?? value['cmd'];
  if (Array.isArray(command)) {
    const [first, ...rest] = listOf(command);
    return { command: first, args: rest };
  }
  if (isRecord(command)) return { command: textOf(command['path']), args: listOf(command['args']) };
  return { command: textOf(command), args: listOf(value['args']) };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function textsOf(value: unknown): Record<string, string> {
  if (!isRecord(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, String(each)]));
}

function isRecord(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
