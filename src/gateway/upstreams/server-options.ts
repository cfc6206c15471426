import { DrawbridgeError } from '../../errors.ts';
import type { UpstreamKind } from '../../upstream/detection.ts';
import { type CommandOptions, type ResolvedCommand, resolveCommand } from './command-options.ts';

/** One MCP server behind the gateway: where it is (`upstream`), or how it is started (`command`). */
export interface ServerOptions extends CommandOptions {
  /** Its URL, such as `http://127.0.0.1:8000/sse`; several are replicas of one server. */
  readonly upstream?: string | URL | readonly (string | URL)[];
  /** The transport that the server speaks; found out unless fixed. Default `auto`. */
  readonly upstreamTransport?: UpstreamKind;
  /** The Host header sent upstream. Default `localhost:<port>` for http, the URL's own for https. */
  readonly upstreamHost?: string;
  /** Sent with every request upstream, such as the gateway's own credential there. */
  readonly upstreamHeaders?: Readonly<Record<string, string>>;
}

export interface ResolvedServer {
  /** The segment of the path under which it is served; empty where it is served at the root. */
  readonly name: string;
  /** How it is started, where the gateway does that; it has no URLs then. */
  readonly command: ResolvedCommand | undefined;
  /** Its replicas. */
  readonly urls: readonly URL[];
  readonly transport: UpstreamKind;
  readonly hostHeader: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const EXAMPLE = 'http://127.0.0.1:8000/sse';
/** Paths that the gateway serves itself. */
const OWN_PATHS = new Set(['sse', 'mcp', 'messages', 'health', 'ready', 'metrics', 't']);

/** The servers by name, the one at the root first. Throws `config`, naming the server, for what cannot be meant. */
export function resolveServers(
  root: ServerOptions,
  named: Readonly<Record<string, ServerOptions>> = {},
): ReadonlyMap<string, ResolvedServer> {
  const servers = new Map<string, ResolvedServer>();
  const hasNamed = Object.keys(named).length > 0;
  if (root.upstream !== undefined || root.command !== undefined || !hasNamed) servers.set('', resolveServer('', root));
  for (const [name, options] of Object.entries(named)) servers.set(name, resolveServer(checkName(name), options));
  return servers;
}

/** The Host header that a replica gets. */
export function hostHeaderFor({ hostHeader }: ResolvedServer, url: URL): string {
  if (hostHeader !== undefined) return hostHeader;
  return url.protocol === 'https:' ? url.host : `localhost:${url.port === '' ? '80' : url.port}`;
}

function resolveServer(name: string, options: ServerOptions): ResolvedServer {
  const { upstream, upstreamTransport = 'auto', upstreamHost, upstreamHeaders = {} } = options;
  const what = name === '' ? 'the upstream' : `the upstream of ${name}`;
  const command = resolveCommand(options, what);
  if (command !== undefined) {
    if (upstream !== undefined || Object.keys(upstreamHeaders).length > 0 || upstreamHost !== undefined)
      throw new DrawbridgeError(
        'config',
        `${what} has both a command and ${upstream === undefined ? 'headers' : 'a URL'}`,
        {
          hint: 'A command is spoken to over its stdin and stdout. Leave one of the two out.',
        },
      );
    return { name, command, urls: [], transport: upstreamTransport, hostHeader: undefined, headers: {} };
  }
  const given = typeof upstream === 'string' || upstream instanceof URL ? [upstream] : (upstream ?? []);
  if (given.length === 0) throw new DrawbridgeError('config', `${what} has no URL`, { hint: `Such as ${EXAMPLE}` });
  const urls = given.map((text) => parseHttpUrl(text, what, EXAMPLE));
  const twice = urls.find(({ href }, index) => urls.findIndex((other) => other.href === href) !== index);
  if (twice !== undefined)
    throw new DrawbridgeError('config', `${what} has the replica ${twice.host} twice`, {
      hint: 'Name each once: the one with the least open gets what is new.',
    });
  return { name, command, urls, transport: upstreamTransport, hostHeader: upstreamHost, headers: upstreamHeaders };
}

function checkName(name: string): string {
  if (NAME.test(name) && !OWN_PATHS.has(name)) return name;
  throw new DrawbridgeError('config', `an upstream cannot be called ${JSON.stringify(name.slice(0, 80))}`, {
    why: OWN_PATHS.has(name) ? 'the gateway serves that path itself' : 'the name is a segment of its path',
    hint: 'Use letters, digits, - and _, such as "db".',
  });
}

/** Throws `config` for what is no http or https URL. */
export function parseHttpUrl(text: string | URL, what: string, example: string): URL {
  const url = URL.canParse(String(text)) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.hostname === '') {
    throw new DrawbridgeError('config', `${what} ${JSON.stringify(String(text))} is not an http or https URL`, {
      hint: `Such as ${example}`,
    });
  }
  return url;
}
