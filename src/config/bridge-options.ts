import { LOG_LEVELS } from '../log.ts';
import type { Option } from './option.ts';

/** The options of `mcp-drawbridge <url>`. */
export const BRIDGE_OPTIONS = [
  {
    name: 'transport',
    kind: 'choice',
    choices: ['auto', 'sse', 'http'],
    default: 'auto',
    help: 'What the server speaks: legacy SSE or Streamable HTTP; auto finds out',
  },
  {
    name: 'header',
    kind: 'list',
    value: 'name:value',
    isSecret: true,
    help: 'Sent to the server with every request; repeatable',
  },
  {
    name: 'family',
    kind: 'choice',
    choices: ['4', '6', 'any'],
    default: '4',
    help: 'Address family to dial; localhost is 127.0.0.1 unless 6',
  },
  {
    name: 'connect-timeout-ms',
    kind: 'integer',
    min: 100,
    max: 600_000,
    default: 10_000,
    help: 'How long one address may take to connect',
  },
  {
    name: 'ssh',
    kind: 'text',
    value: 'user@host[:port]',
    help: 'Reach the server through an SSH tunnel to this host',
  },
  {
    name: 'ssh-key',
    kind: 'text',
    value: 'file',
    help: 'Private key for --ssh; default: what ssh itself tries',
  },
  {
    name: 'log-level',
    kind: 'choice',
    choices: LOG_LEVELS,
    default: 'info',
    help: 'What goes to stderr',
  },
  { name: 'help', short: 'h', kind: 'flag', hasNoTwin: true, help: 'Show this text' },
  { name: 'version', kind: 'flag', hasNoTwin: true, help: 'Show the version' },
] as const satisfies readonly Option[];
