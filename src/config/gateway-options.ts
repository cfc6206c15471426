import { LOG_LEVELS } from '../log.ts';
import { LISTENER_OPTIONS } from './listener-options.ts';
import type { Option } from './option.ts';
import { SERVER_OPTIONS } from './server-options.ts';

const UPSTREAM = [
  ...SERVER_OPTIONS,
  {
    name: 'upstreams',
    kind: 'group',
    members: SERVER_OPTIONS,
    // A name is a segment of a path; these the gateway serves itself.
    memberNames: {
      pattern: /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/,
      taken: ['sse', 'mcp', 'messages', 'health', 'ready', 'metrics', 't'],
    },
    value: 'object',
    help: 'Further MCP servers by name, each with the options above and served under /<name>/sse and /<name>/mcp',
  },
  {
    name: 'command-start-timeout',
    kind: 'seconds',
    min: 0.1,
    default: 60,
    help: 'How long a command may take to its first answer, installing itself included',
  },
  {
    name: 'command-idle',
    kind: 'seconds',
    default: 60,
    help: 'With --command-scope principal: how long a process waits for a next session',
  },
  { name: 'max-commands', kind: 'integer', min: 1, default: 100, help: 'Processes of commands at once' },
  {
    name: 'translate-modern',
    kind: 'flag',
    help: 'Serve clients that speak 2026-07-28 alone from a server that does not: their calls go over a session of the legacy era',
  },
  {
    name: 'family',
    kind: 'choice',
    choices: ['4', '6', 'any'],
    default: '4',
    help: 'Address family to dial; localhost is 127.0.0.1 unless 6',
  },
  {
    name: 'upstream-connect-timeout',
    kind: 'seconds',
    min: 0.1,
    default: 60,
    help: 'How long one address may take to connect',
  },
  {
    name: 'upstream-read-timeout',
    kind: 'seconds',
    default: 300,
    help: 'How long a response may take to begin; never cuts a stream; 0 is for ever',
  },
  {
    name: 'upstream-send-timeout',
    kind: 'seconds',
    min: 1,
    default: 300,
    help: 'How long the server may take to accept a message',
  },
  {
    name: 'upstream-hold',
    kind: 'seconds',
    default: 15,
    help: 'How long a new event stream waits, unanswered, for a server that restarts; 0 is not at all',
  },
  {
    name: 'max-held-streams',
    kind: 'integer',
    default: 100,
    help: 'Event streams of one server that wait at the same time; one more is refused at once',
  },
  {
    name: 'survive-restarts',
    kind: 'flag',
    help: 'Sessions outlive a restart of their server; what it kept for them itself is lost',
  },
  {
    name: 'identity-header',
    kind: 'text',
    value: 'name',
    mayBeEmpty: true,
    default: 'X-Forwarded-User',
    help: 'Header that tells the server who the client is; empty for none',
  },
  {
    name: 'no-forwarded-headers',
    kind: 'flag',
    help: 'Do not tell the server the address of the client (X-Real-IP, X-Forwarded-For, -Proto, -Port)',
  },
] as const satisfies readonly Option[];

const AUTHENTICATION = [
  {
    name: 'key-file',
    heading: 'Who may come in',
    kind: 'text',
    value: 'file',
    isPath: true,
    help: 'Access keys, made by: mcp-drawbridge keys add',
  },
  {
    name: 'htpasswd-file',
    kind: 'text',
    value: 'file',
    isPath: true,
    help: 'Users and passwords for HTTP Basic, as of nginx and Apache',
  },
  {
    name: 'allow-weak-passwords',
    kind: 'flag',
    help: 'Take an htpasswd file that has plain text, crypt or unsalted SHA-1',
  },
  { name: 'jwt-issuer', kind: 'text', value: 'url', help: 'Tokens of this OAuth or OpenID issuer' },
  { name: 'jwt-audience', kind: 'list', value: 'uri', help: 'What aud must say (default the public URL); repeatable' },
  {
    name: 'jwt-jwks-url',
    kind: 'text',
    value: 'url',
    help: "The issuer's keys (default: found by its metadata)",
  },
  {
    name: 'jwt-algorithm',
    kind: 'list',
    value: 'name',
    help: 'Signatures taken (default RS256, PS256, ES256, EdDSA); repeatable',
  },
  { name: 'jwt-scope', kind: 'list', value: 'name', help: 'A scope that every token must have; repeatable' },
  {
    name: 'mtls',
    kind: 'choice',
    choices: ['off', 'accept', 'require'],
    help: 'TLS client certificates: one credential among others, or needed besides (default accept with --tls-client-ca)',
  },
  {
    name: 'path-keys',
    kind: 'flag',
    help: 'Also take a key in the path, /t/<key>/sse, for clients that can send no header',
  },
  { name: 'auth', kind: 'choice', choices: ['none'], help: 'none: ask nobody, and serve this machine alone' },
  {
    name: 'public-url',
    kind: 'text',
    value: 'url',
    help: 'How clients reach the gateway; its host is served, and named in redirects and metadata',
  },
  {
    name: 'no-page',
    kind: 'flag',
    help: 'Do not show people who open the address in a browser how to connect a client',
  },
  { name: 'allowed-hosts', kind: 'list', value: 'name', help: 'Host names served besides loopback names; repeatable' },
  { name: 'allowed-origins', kind: 'list', value: 'origin', help: 'Origins of browser pages served; repeatable' },
] as const satisfies readonly Option[];

const ADDRESSES = [
  {
    name: 'allow-addresses',
    heading: 'Addresses',
    kind: 'list',
    value: 'cidr',
    help: 'Clients served, such as 10.0.0.0/8 (default all); repeatable',
  },
  { name: 'deny-addresses', kind: 'list', value: 'cidr', help: 'Clients refused, whatever is allowed; repeatable' },
  {
    name: 'trust-proxies',
    kind: 'list',
    value: 'cidr',
    help: 'Proxies whose X-Forwarded-For, Forwarded and PROXY lines are believed; repeatable',
  },
  { name: 'proxy-protocol', kind: 'flag', help: 'Connections of trusted proxies begin with a PROXY line (v1 or v2)' },
] as const satisfies readonly Option[];

/** A rate in nginx's terms: `600` a minute with as many at once, or `rate=5r/m burst=10`. */
const LIMITS = [
  {
    name: 'limit-calls',
    isRate: true,
    heading: 'Limits',
    kind: 'text',
    value: 'rate',
    default: '600',
    help: 'tools/call of each principal: a number a minute, or "rate=5r/m burst=10"',
  },
  {
    name: 'limit-tool',
    isRate: true,
    kind: 'list',
    value: 'tool:rate',
    separator: ':',
    help: 'tools/call of one tool, of each principal; repeatable',
  },
  {
    name: 'limit-requests',
    isRate: true,
    kind: 'text',
    value: 'rate',
    default: '6000',
    help: 'HTTP requests of each principal',
  },
  {
    name: 'limit-address',
    isRate: true,
    kind: 'text',
    value: 'rate',
    default: '12000',
    help: 'HTTP requests of each address',
  },
  {
    name: 'limit-logins',
    isRate: true,
    kind: 'text',
    value: 'rate',
    default: '20',
    help: 'Wrong credentials of each address; who goes on waits longer and longer',
  },
  { name: 'max-concurrent-calls', kind: 'integer', min: 1, default: 256, help: 'Open tools/call of one principal' },
  { name: 'max-sessions', kind: 'integer', min: 1, default: 1000, help: 'Sessions in all' },
  { name: 'max-sessions-per-principal', kind: 'integer', min: 1, default: 50, help: 'Sessions of one principal' },
  { name: 'max-streams-per-address', kind: 'integer', min: 1, default: 200, help: 'Event streams of one address' },
  { name: 'max-body-bytes', kind: 'integer', min: 1, default: 4_194_304, help: 'Largest message from a client' },
  { name: 'session-idle', kind: 'seconds', min: 1, default: 1800, help: 'A session that is not used ends after this' },
  { name: 'session-lifetime', kind: 'seconds', min: 1, default: 86_400, help: 'Any session ends after this' },
] as const satisfies readonly Option[];

/** Options of `mcp-drawbridge gateway` that `createGateway` has too: they can change while the gateway runs. */
export const GATEWAY_OPTIONS = [...UPSTREAM, ...AUTHENTICATION, ...ADDRESSES, ...LIMITS] as const;

/** All that the command takes, and its configuration file. */
export const GATEWAY_COMMAND_OPTIONS = [
  ...GATEWAY_OPTIONS,
  ...LISTENER_OPTIONS,
  {
    name: 'config',
    heading: 'Other',
    kind: 'text',
    value: 'file',
    isConfigFile: true,
    help: 'YAML or JSON file of options; read again on SIGHUP and when it changes',
  },
  {
    name: 'check-config',
    kind: 'flag',
    hasNoTwin: true,
    help: 'Show every value and where it comes from, and start nothing',
  },
  { name: 'demo', kind: 'flag', help: 'Serve an embedded PostgreSQL with sample data' },
  { name: 'no-tour', kind: 'flag', help: 'With --demo: do not run a query once to show it' },
  { name: 'log-level', kind: 'choice', choices: LOG_LEVELS, default: 'info', help: 'What goes to stderr' },
  {
    name: 'log-format',
    kind: 'choice',
    choices: ['text', 'json'],
    default: 'text',
    help: 'Lines to read, or one JSON object a line',
  },
  { name: 'help', short: 'h', kind: 'flag', hasNoTwin: true, help: 'Show this text' },
] as const satisfies readonly Option[];
