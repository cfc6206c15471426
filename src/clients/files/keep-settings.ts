import type { EntryValue, Placed } from '../server-entry.ts';
import { isTable } from './read-tree.ts';

/** What says how a server is reached, in any client. Of two ways in one entry nobody knows which is taken. */
const REACH: ReadonlySet<string> = new Set([
  ...['name', 'id', 'type', 'transport', 'transportType', 'source'],
  ...['command', 'cmd', 'args', 'cwd', 'env', 'envs', 'environment', 'env_keys', 'env_vars', 'envFile'],
  ...['url', 'uri', 'serverUrl', 'httpUrl', 'headers', 'headersHelper', 'requestOptions', 'http_headers'],
  ...['env_http_headers', 'bearer_token', 'bearer_token_env_var', 'oauth', 'auth'],
]);

/**
 * Our value for an entry that is there already: how the server is reached is ours alone, so that no older command,
 * header or key stays beside it; whatever else the user has set stays, such as a time limit, the tools that are allowed,
 * or that it is switched off.
 */
export function keepSettings(content: unknown, { path, value, member }: Placed): EntryValue {
  const there = memberOf(
    path.reduce<unknown>(
      (inner, name) => (isTable(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined),
      content,
    ),
    member,
  );
  if (!isTable(there) || !isTable(value)) return value;
  const kept = Object.entries(there).flatMap(([name, old]): (readonly [string, unknown])[] => {
    if (!REACH.has(name)) return [[name, old]];
    return Object.hasOwn(value, name) ? [[name, value[name]]] : [];
  });
  const added = Object.entries(value).filter(([name]) => !Object.hasOwn(there, name));
  return Object.fromEntries([...kept, ...added]) as EntryValue;
}

function memberOf(list: unknown, member: Placed['member']): unknown {
  if (member === undefined) return list;
  if (!Array.isArray(list)) return undefined;
  return list.find((one) => isTable(one) && one[member.key] === member.is);
}
