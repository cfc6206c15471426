import { DrawbridgeError } from '../errors.ts';
import type { McpClient } from './client.ts';
import { addressOf, type Launch, launchBridge } from './launch.ts';
import type { Machine } from './machine.ts';
import type { Entry, EntryValue, Placed, ServerToAdd, Way } from './server-entry.ts';

/** What a client that reaches a server by itself is told of it. */
export interface DirectServer {
  readonly address: string;
  readonly transport: ServerToAdd['transport'];
  /** `Authorization` and nothing else, or nothing; its value as `quote` writes it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly token: ServerToAdd['token'];
}

/** What there is to know of a client. */
export interface ClientFacts {
  readonly id: string;
  readonly title: string;
  readonly aliases?: readonly string[];
  readonly format: Entry['format'];
  /** Where entries stand in its file. */
  readonly parent: readonly string[];
  /** Entries are a list, whose members have their name in this key. */
  readonly memberKey?: string;
  locate(machine: Machine): readonly string[];
  locateProject?(machine: Machine): string;
  /** Of what it starts. */
  startsBridge(launch: Launch, name: string): EntryValue;
  /** Of what it reaches; missing where it cannot, or must not. */
  reaches?(server: DirectServer, name: string): EntryValue;
  /** Whether it is known to speak legacy SSE. Default true. */
  readonly speaksSse?: boolean;
  /** It starts npx with the oldest Node.js that nvm has. Default false. */
  readonly takesOldestNode?: boolean;
  /** How it writes the value of a variable into its file; missing where it cannot. */
  quote?(variable: string): string;
  also?(server: DirectServer, way: Way): readonly Placed[];
  readonly notes?: readonly string[];
}

/** A client by what there is to know of it. */
export function defineClient(facts: ClientFacts): McpClient {
  const ways = (transport: ServerToAdd['transport']): readonly Way[] => {
    if (facts.reaches === undefined) return ['bridge'];
    return transport === 'sse' && facts.speaksSse === false ? ['bridge'] : ['direct', 'bridge'];
  };
  return {
    id: facts.id,
    title: facts.title,
    aliases: facts.aliases ?? [],
    ways,
    locate: (machine) => facts.locate(machine),
    ...(facts.locateProject === undefined ? {} : { locateProject: facts.locateProject }),
    describe: (server, machine, way = ways(server.transport)[0]!) => {
      if (!ways(server.transport).includes(way)) throw noSuchWay(facts, server, way);
      return way === 'bridge' ? describeBridge(facts, server, machine) : describeDirect(facts, server);
    },
  };
}

function describeBridge(facts: ClientFacts, server: ServerToAdd, machine: Machine): Entry {
  const launch = launchBridge(server, machine, facts.takesOldestNode);
  const notes = [...tokenNotes(server, undefined), ...launch.notes, ...(facts.notes ?? [])];
  return { ...place(facts, server.name, facts.startsBridge(launch, server.name)), way: 'bridge', notes };
}

function describeDirect(facts: ClientFacts, server: ServerToAdd): Entry {
  const { token, transport } = server;
  const quoted = token === undefined ? '' : (token.value ?? facts.quote?.(token.variable) ?? token.variable);
  const direct: DirectServer = {
    address: addressOf(server),
    transport,
    headers: token === undefined ? {} : { Authorization: `Bearer ${quoted}` },
    token,
  };
  const also = facts.also?.(direct, 'direct') ?? [];
  return {
    ...place(facts, server.name, facts.reaches!(direct, server.name)),
    way: 'direct',
    ...(also.length === 0 ? {} : { also }),
    notes: [...tokenNotes(server, facts.quote), ...(facts.notes ?? [])],
  };
}

function place(
  { format, parent, memberKey }: ClientFacts,
  name: string,
  value: EntryValue,
): Placed & Pick<Entry, 'format'> {
  if (memberKey === undefined) return { format, path: [...parent, name], value };
  return { format, path: parent, value, member: { key: memberKey, is: name } };
}

function tokenNotes({ token }: ServerToAdd, quote: ClientFacts['quote']): readonly string[] {
  if (token === undefined || token.value !== undefined) return [];
  if (quote === undefined) return [`Put the key in the place of ${token.variable}.`];
  const isAsked = quote(token.variable).startsWith('${input:');
  return isAsked ? [] : [`The key is read from the environment variable ${token.variable}.`];
}

function noSuchWay({ title, reaches }: ClientFacts, { transport }: ServerToAdd, way: Way): DrawbridgeError {
  return new DrawbridgeError('usage', `${title} cannot be given this server with --way ${way}`, {
    why:
      reaches === undefined
        ? 'it only starts programs'
        : `it does not speak ${transport === 'sse' ? 'legacy SSE' : 'Streamable HTTP'}`,
    hint: 'Use --way bridge, or leave --way out.',
  });
}

/** `command`, `args`, `env` as most clients have them. */
export function commonBridge({ command, args, env }: Launch): { readonly [name: string]: EntryValue } {
  return { command, args, ...(Object.keys(env).length === 0 ? {} : { env }) };
}

/** `headers`, where there are any. */
export function headersOf({ headers }: DirectServer): { readonly [name: string]: EntryValue } {
  return Object.keys(headers).length === 0 ? {} : { headers };
}
