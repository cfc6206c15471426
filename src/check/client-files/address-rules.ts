import { isLoopback } from '../../upstream/dial/loopback.ts';
import { type EntryRule, failure, isSse, urlOf, warning } from './client-file.ts';

const TYPES_OF_CLINE = ['streamableHttp', 'sse'];

/** An entry with a URL in a client that reaches nothing by itself. */
const isDropped: EntryRule = ({ client, address }) =>
  address === undefined || client.ways('http').includes('direct')
    ? undefined
    : failure(
        `has a ${address.key}, and ${client.title} starts programs only: the entry is dropped`,
        `mcp-drawbridge clients ${client.id} prints the entry that starts a bridge to it.`,
      );

const hasOtherKey: EntryRule = ({ client, address }) =>
  address !== undefined && address.key !== 'serverUrl' && /^(windsurf|antigravity)/.test(client.id)
    ? failure(`has ${address.key}, which ${client.title} does not read`, 'Write serverUrl in its place.')
    : undefined;

const hasOtherTransport: EntryRule = (server) => {
  const { client, address, type } = server;
  if (address === undefined) return undefined;
  const path = urlOf(server)?.pathname ?? '';
  if (client.id === 'gemini-cli' && type === undefined) {
    if (address.key === 'url' && /\/mcp\/?$/.test(path)) {
      return failure(
        'has url, which is legacy SSE there, before an address of Streamable HTTP',
        'Write httpUrl in its place.',
      );
    }
    if (address.key === 'httpUrl' && /\/sse\/?$/.test(path)) {
      return failure(
        'has httpUrl, which is Streamable HTTP, before an address of legacy SSE',
        'Write url in its place.',
      );
    }
  }
  if (client.ways('sse').includes('direct') || !client.ways('http').includes('direct') || !isSse(server))
    return undefined;
  return client.id === 'codex'
    ? failure('has an address of legacy SSE, which Codex does not speak', BRIDGED(client.id))
    : warning(`has an address of legacy SSE, which ${client.title} is not known to speak`, BRIDGED(client.id));
};

const BRIDGED = (id: string): string =>
  `Use the /mcp address if there is one; mcp-drawbridge clients ${id} --way bridge prints an entry that speaks both.`;

const lacksType: EntryRule = ({ client, address, type }) => {
  if (address === undefined) return undefined;
  if (client.id.startsWith('cline') && !TYPES_OF_CLINE.includes(type ?? '')) {
    return type === undefined
      ? failure('has a URL and no type, which Cline takes for legacy SSE', 'Write "type": "streamableHttp", or "sse".')
      : failure(`has the type ${JSON.stringify(type)}, which Cline does not know`, 'Write "streamableHttp", or "sse".');
  }
  if (client.id === 'claude-code' && type === undefined) {
    return failure('has a URL and no type, which Claude Code takes for a program', 'Write "type": "http", or "sse".');
  }
  return undefined;
};

/** Our bridge dials 127.0.0.1 for it, whatever a resolver puts first. */
const isLocalhost: EntryRule = (server) => {
  const isOurs = server.args.some((arg) => arg.includes('mcp-drawbridge'));
  return !isOurs && urlOf(server)?.hostname === 'localhost'
    ? warning(
        'has localhost in its URL, which is ::1 for some programs; a tunnel or server on 127.0.0.1 is not found there',
        'Write 127.0.0.1 in its place.',
      )
    : undefined;
};

const isReadable: EntryRule = (server) => {
  const url = urlOf(server);
  if (url === undefined || url.protocol !== 'http:' || isLoopback(url.hostname)) return undefined;
  // Through its tunnel nobody reads it.
  if (server.args.includes('--ssh') || server.env['DRAWBRIDGE_SSH'] !== undefined) return undefined;
  return warning(
    `reaches ${url.host} over http: everybody on the way can read and change what is sent`,
    'Use https, or start the bridge with --ssh user@host.',
  );
};

const isMcpRemote: EntryRule = ({ command, args }) =>
  [command ?? '', ...args].some((word) => /(^|[\\/])mcp-remote(@|$|[\\/])/.test(word))
    ? warning(
        'starts mcp-remote',
        'Put mcp-drawbridge in its place: it takes the same arguments, and finds its server again after a loss.',
      )
    : undefined;

export const ADDRESS_RULES: readonly EntryRule[] = [
  isDropped,
  hasOtherKey,
  hasOtherTransport,
  lacksType,
  isLocalhost,
  isReadable,
  isMcpRemote,
];
