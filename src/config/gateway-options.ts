import { LOG_LEVELS } from '../log.ts';
import type { Option } from './option.ts';

/** Options of `mcp-drawbridge gateway` that are also options of `createGateway`, under their camel-case names. */
export const GATEWAY_OPTIONS = [
  { name: 'upstream', kind: 'text', value: 'url', help: 'The MCP server, such as http://127.0.0.1:8000/sse' },
  {
    name: 'upstream-transport',
    kind: 'choice',
    choices: ['auto', 'sse', 'http'],
    default: 'auto',
    help: 'What the server speaks: legacy SSE or Streamable HTTP; auto finds out',
  },
  {
    name: 'upstream-host',
    kind: 'text',
    value: 'host:port',
    help: 'Host header sent upstream (default localhost:<port> for http)',
  },
  {
    name: 'family',
    kind: 'choice',
    choices: ['4', '6', 'any'],
    default: '4',
    help: 'Address family to dial; localhost is 127.0.0.1 unless 6',
  },
  { name: 'key-file', kind: 'text', value: 'file', help: 'Access keys, made by: mcp-drawbridge keys add' },
  { name: 'auth', kind: 'choice', choices: ['keys', 'none'], help: 'none: ask nobody, and serve this machine alone' },
  { name: 'allowed-hosts', kind: 'list', value: 'name', help: 'Host names served besides loopback names; repeatable' },
  { name: 'allowed-origins', kind: 'list', value: 'origin', help: 'Origins of browser pages served; repeatable' },
  { name: 'limit-calls', kind: 'integer', min: 1, default: 600, help: 'tools/call a minute for each principal' },
  { name: 'limit-requests', kind: 'integer', min: 1, default: 6000, help: 'HTTP requests a minute for each principal' },
  { name: 'limit-address', kind: 'integer', min: 1, default: 12_000, help: 'HTTP requests a minute for each address' },
  { name: 'max-body-bytes', kind: 'integer', min: 1, default: 4_194_304, help: 'Largest message from a client' },
  { name: 'max-sessions', kind: 'integer', min: 1, default: 1000, help: 'Sessions in all' },
  { name: 'max-sessions-per-principal', kind: 'integer', min: 1, default: 50, help: 'Sessions of one principal' },
] as const satisfies readonly Option[];

/** What else the command takes. */
export const GATEWAY_COMMAND_OPTIONS = [
  ...GATEWAY_OPTIONS,
  {
    name: 'upstream-header',
    kind: 'list',
    value: 'name:value',
    isSecret: true,
    help: 'Sent upstream with every request; repeatable',
  },
  { name: 'host', kind: 'text', value: 'address', default: '127.0.0.1', help: 'Address to listen on' },
  {
    name: 'port',
    kind: 'integer',
    min: 0,
    max: 65_535,
    default: 8080,
    help: 'Port to listen on; 0 for any that is free',
  },
  { name: 'demo', kind: 'flag', help: 'Serve an embedded PostgreSQL with sample data' },
  { name: 'no-tour', kind: 'flag', help: 'With --demo: do not run a query once to show it' },
  { name: 'log-level', kind: 'choice', choices: LOG_LEVELS, default: 'info', help: 'What goes to stderr' },
  { name: 'help', short: 'h', kind: 'flag', hasNoTwin: true, help: 'Show this text' },
] as const satisfies readonly Option[];
