import type { Option } from './option.ts';

/** Of one MCP server: of that at the root, and of each that is named. */
export const SERVER_OPTIONS = [
  {
    name: 'upstream',
    heading: 'Upstream',
    kind: 'list',
    mayBeOne: true,
    value: 'url',
    help: 'The MCP server, such as http://127.0.0.1:8000/sse; repeatable for replicas of it',
  },
  {
    name: 'command',
    kind: 'list',
    value: 'text',
    help: 'A server to start: program and arguments; on the command line write them after --',
  },
  {
    name: 'command-env',
    kind: 'list',
    value: 'name=value',
    isSecret: true,
    separator: '=',
    help: "Variables of the command's environment; a name alone takes the gateway's own; repeatable",
  },
  {
    name: 'principal-environment',
    kind: 'text',
    value: 'json',
    isJson: true,
    isSecret: true,
    help: 'Variables of one principal: {"alice":{"DATABASE_URI":"…"}}, or @file of that',
  },
  {
    name: 'command-scope',
    kind: 'choice',
    choices: ['session', 'principal'],
    default: 'session',
    help: 'Who has a process of its own: each session, or each principal for all its sessions',
  },
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
    name: 'upstream-header',
    kind: 'list',
    value: 'name:value',
    isSecret: true,
    separator: ':',
    help: 'Sent upstream with every request; repeatable',
  },
] as const satisfies readonly Option[];
