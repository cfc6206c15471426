import type { ServerToAdd } from '../clients/server-entry.ts';
import type { Option, OptionValues } from '../config/option.ts';
import { usageError } from './report.ts';
import { parseServerUrl } from './server-url.ts';

/** The options of `mcp-drawbridge clients`. */
export const CLIENTS_OPTIONS = [
  {
    name: 'name',
    heading: 'The entry',
    kind: 'text',
    value: 'name',
    hasNoTwin: true,
    default: 'postgres',
    help: 'What the client calls the server',
  },
  {
    name: 'transport',
    kind: 'choice',
    choices: ['sse', 'http'],
    hasNoTwin: true,
    help: 'What the URL speaks (default sse where its path ends in /sse, else http)',
  },
  {
    name: 'way',
    kind: 'choice',
    choices: ['bridge', 'direct'],
    hasNoTwin: true,
    help: 'bridge: the client starts it; direct: the client reaches the URL itself (default what suits the client)',
  },
  {
    name: 'token-variable',
    kind: 'text',
    value: 'name',
    hasNoTwin: true,
    help: 'The server asks for a key, which is in this environment variable of the client',
  },
  {
    name: 'token',
    kind: 'text',
    value: 'key',
    isSecret: true,
    help: 'The key itself, to be written into the entry; DRAWBRIDGE_TOKEN keeps it out of process lists',
  },
  {
    name: 'write',
    heading: 'The client’s file',
    kind: 'flag',
    hasNoTwin: true,
    help: 'Put the entry in: shows what changes, and leaves a backup',
  },
  { name: 'remove', kind: 'flag', hasNoTwin: true, help: 'Take the entry of that name out, likewise' },
  { name: 'dry-run', kind: 'flag', hasNoTwin: true, help: 'With --write or --remove: show what would change' },
  { name: 'project', kind: 'flag', hasNoTwin: true, help: 'The file of the project in this folder' },
  { name: 'file', kind: 'text', value: 'file', hasNoTwin: true, help: 'This file, wherever the client has its own' },
  { name: 'json', heading: 'Other', kind: 'flag', hasNoTwin: true, help: 'One JSON document on stdout' },
  { name: 'help', short: 'h', kind: 'flag', hasNoTwin: true, help: 'Show this text' },
] as const satisfies readonly Option[];

export type ClientsValues = OptionValues<typeof CLIENTS_OPTIONS>;

const DEFAULT_URL = 'http://127.0.0.1:8080/mcp';
/** What every client takes for a name, and every format for a key without quotes. */
const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** The server to add, by the options and the URL given. Throws `usage`, and quotes no secret. */
export function readServer(values: ClientsValues, urlText: string = DEFAULT_URL): ServerToAdd {
  const name = values.name ?? 'postgres';
  if (!NAME.test(name))
    throw usageError(`--name ${JSON.stringify(name.slice(0, 60))} is not a name`, {
      why: 'letters, digits, - and _ are what every client takes',
    });
  const url = parseServerUrl(urlText, 'the URL');
  return {
    name,
    url,
    transport: values.transport ?? (/\/sse\/?$/.test(url.pathname) ? 'sse' : 'http'),
    ...readToken(values),
  };
}

function readToken({ token, 'token-variable': variable }: ClientsValues): Pick<ServerToAdd, 'token'> {
  if (variable !== undefined && !VARIABLE.test(variable))
    throw usageError('--token-variable is not the name of a variable', {
      hint: 'Such as MCP_TOKEN. The key itself is given with DRAWBRIDGE_TOKEN.',
    });
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token))
    throw usageError('the key has a space or another character that cannot stand in a header', {
      hint: 'Give it alone, without Bearer.',
    });
  if (token === undefined) return variable === undefined ? {} : { token: { variable } };
  return { token: { variable: variable ?? 'MCP_TOKEN', value: token } };
}
