import { LOG_LEVELS } from '../log.ts';
import { OAUTH_OPTIONS } from './oauth-options.ts';
import type { Option } from './option.ts';

/** How the server is reached. */
const CONNECTION = [
  {
    name: 'transport',
    heading: 'Connection',
    kind: 'choice',
    value: 'kind',
    choices: ['auto', 'sse', 'http', 'sse-first', 'http-first', 'sse-only', 'http-only'],
    default: 'auto',
    help: 'What the server speaks: sse (legacy) or http (Streamable HTTP); auto finds out; sse-first and http-first try that one first; sse-only and http-only are sse and http',
  },
  {
    name: 'header',
    kind: 'list',
    value: 'name:value',
    isSecret: true,
    separator: ':',
    help: 'Sent to the server with every request; ${NAME} is taken from the environment; repeatable',
  },
  {
    name: 'header-file',
    kind: 'list',
    value: 'file',
    isPath: true,
    help: 'Headers to send, one a line; # begins a comment; repeatable',
  },
  { name: 'allow-http', kind: 'flag', help: 'Allow http:// to hosts other than this machine' },
  {
    name: 'family',
    kind: 'choice',
    choices: ['4', '6', 'any'],
    default: '4',
    help: 'Address family to dial; localhost is 127.0.0.1 unless 6',
  },
  { name: 'ipv4', kind: 'flag', means: { name: 'family', value: '4' }, help: 'The same as --family 4' },
  {
    name: 'connect-timeout',
    kind: 'seconds',
    min: 0.1,
    default: 10,
    help: 'How long one address may take to connect',
  },
  {
    name: 'headers-timeout',
    kind: 'seconds',
    default: 0,
    help: 'How long a response may take to begin; 0 is for ever, since a long tool call begins late',
  },
  {
    name: 'body-timeout',
    kind: 'seconds',
    default: 0,
    help: 'How long a response may pause; 0 is for ever, since an event stream without news is silent',
  },
  {
    name: 'enable-proxy',
    kind: 'flag',
    help: 'Nothing new: HTTP_PROXY, HTTPS_PROXY and NO_PROXY count anyway',
  },
  { name: 'disable-cookies', kind: 'flag', help: 'Do not send back cookies that the server sets' },
] as const satisfies readonly Option[];

const TRUST = [
  {
    name: 'ca',
    heading: 'TLS and SSH',
    kind: 'list',
    value: 'file',
    isPath: true,
    help: 'PEM file of authorities to trust besides the usual ones; repeatable',
  },
  {
    name: 'client-cert',
    kind: 'text',
    value: 'file',
    isPath: true,
    help: 'PEM file of our certificate, with its chain',
  },
  { name: 'client-key', kind: 'text', value: 'file', isPath: true, help: 'PEM file of its private key' },
  {
    name: 'ssh',
    kind: 'text',
    value: 'user@host[:port]',
    help: 'Reach the server through an SSH tunnel that lives as long as the bridge; the URL is as seen from there',
  },
  { name: 'ssh-key', kind: 'text', value: 'file', isPath: true, help: 'Private key for --ssh' },
] as const satisfies readonly Option[];

/** How long things may take, and what keeps a session alive. */
const SESSION = [
  {
    name: 'initialize-timeout',
    heading: 'Session',
    kind: 'seconds',
    min: 0.1,
    default: 25,
    help: 'How long initialize waits for a server that cannot be reached before it is answered so',
  },
  {
    name: 'hold',
    kind: 'seconds',
    default: 15,
    help: 'How long other requests wait while the server is reconnected',
  },
  {
    name: 'request-timeout',
    kind: 'seconds',
    default: 0,
    help: 'A request that takes longer is answered with an error and cancelled; 0 is never',
  },
  {
    name: 'ping-interval',
    kind: 'seconds',
    default: 30,
    help: 'A server that was silent so long is asked for a sign of life; 0 is never',
  },
  {
    name: 'pong-timeout',
    kind: 'seconds',
    min: 0.1,
    default: 10,
    help: 'How long that sign may take before it is reconnected',
  },
  { name: 'keep-alive', kind: 'flag', help: 'Nothing new: pings are on unless --ping-interval 0' },
  {
    name: 'progress-heartbeat',
    kind: 'seconds',
    default: 0,
    help: 'How often the client hears of a long call that it wants the progress of; 0 is never',
  },
  {
    name: 'protocol',
    kind: 'choice',
    choices: ['legacy', 'auto'],
    default: 'legacy',
    help: 'Nothing new: the sessions of MCP up to 2025-11-25 are spoken',
  },
  {
    name: 'ignore-tool',
    heading: 'Tools',
    kind: 'list',
    value: 'glob',
    help: 'Tools that the client neither sees nor calls; * is any text; repeatable',
  },
  { name: 'allow-tool', kind: 'list', value: 'glob', help: 'The client sees and calls only such tools; repeatable' },
] as const satisfies readonly Option[];

const OTHER = [
  {
    name: 'config',
    heading: 'Other',
    kind: 'text',
    value: 'file',
    isConfigFile: true,
    isPath: true,
    help: 'JSON file of options by these names, and of the url',
  },
  { name: 'log-level', kind: 'choice', choices: LOG_LEVELS, default: 'info', help: 'What goes to stderr' },
  {
    name: 'debug',
    kind: 'flag',
    means: { name: 'log-level', value: 'debug' },
    help: 'The same as --log-level debug; safe to post, secrets are masked',
  },
  {
    name: 'silent',
    kind: 'flag',
    means: { name: 'log-level', value: 'silent' },
    help: 'The same as --log-level silent',
  },
  { name: 'yes', short: 'y', kind: 'flag', hasNoTwin: true, help: 'Nothing: a flag of npx that stands too late' },
  { name: 'help', short: 'h', kind: 'flag', hasNoTwin: true, help: 'Show this text' },
  { name: 'version', kind: 'flag', hasNoTwin: true, help: 'Show the version' },
] as const satisfies readonly Option[];

/** The options of `mcp-drawbridge <url>`. */
export const BRIDGE_OPTIONS = [
  { name: 'url', kind: 'text', value: 'url', isArgument: true, isSecret: true, help: 'The MCP server' },
  {
    name: 'callback-port',
    kind: 'integer',
    max: 65_535,
    isArgument: true,
    help: 'Port on 127.0.0.1 at which a sign-in comes back; 0 for one that is free',
  },
  ...CONNECTION,
  ...TRUST,
  ...SESSION,
  ...OAUTH_OPTIONS,
  ...OTHER,
] as const satisfies readonly Option[];
