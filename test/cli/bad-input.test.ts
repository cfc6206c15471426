import { describe, it } from 'vitest';
import { type BadInput, expectRefusal, SECRET } from '../parts/bad-input.ts';

const HELP = 'Run mcp-drawbridge --help.';
const IN_FULL = 'Write it in full, such as http://127.0.0.1:8000/sse';
const UPSTREAM = ['gateway', '--upstream', 'http://127.0.0.1:9/sse', '--port', '0'];

const OPTIONS: readonly BadInput[] = [
  {
    name: 'an unknown option of the bridge',
    args: ['http://127.0.0.1:9/sse', '--hedaer', 'x:y'],
    error: "unknown option '--hedaer'",
    tryThis: "Did you mean '--header'?",
  },
  {
    name: 'an unknown option that has a value',
    args: ['--hedaer=Authorization:hunter2-hunter2'],
    error: "unknown option '--hedaer'",
    tryThis: "Did you mean '--header'?",
  },
  {
    name: 'an unknown option that is like no other',
    args: ['--qqqqqqqqqqqq'],
    error: "unknown option '--qqqqqqqqqqqq'",
    tryThis: 'Run mcp-drawbridge --help.',
  },
  {
    name: 'an unknown option of the gateway',
    args: ['gateway', '--upstrem', 'x'],
    error: "unknown option '--upstrem'",
    tryThis: "Did you mean '--upstream'?",
  },
  {
    name: 'an unknown option of keys',
    args: ['keys', 'list', '--keyfile', 'x'],
    error: "unknown option '--keyfile'",
    tryThis: "Did you mean '--key-file'?",
  },
  {
    name: 'an option without its value at the end',
    args: ['http://127.0.0.1:9/sse', '--header'],
    error: '--header needs a value',
    why: 'nothing follows it',
    tryThis: 'Such as --header <name:value>',
  },
  {
    name: 'an option without its value before another',
    args: ['gateway', '--upstream', '--port', '0'],
    error: '--upstream needs a value',
    why: 'another option follows it',
    tryThis: 'Such as --upstream <url>',
  },
  {
    name: 'an empty value',
    args: ['gateway', '--upstream='],
    error: '--upstream must not be empty',
    tryThis: 'Such as --upstream <url>',
  },
  {
    name: 'a flag with a value',
    args: ['gateway', '--demo=yes'],
    error: '--demo takes no value',
    tryThis: 'Write --demo alone.',
  },
  {
    name: 'a choice that is none',
    args: ['http://127.0.0.1:9/sse', '--transport', 'carrier-pigeon'],
    error: /^--transport must be one of auto, sse, http, /,
    why: '"carrier-pigeon" is not',
    tryThis: HELP,
  },
  {
    name: 'a port above 65535',
    args: ['gateway', '--port', '70000'],
    error: '--port must be a whole number from 0 to 65535',
    why: '"70000" is not',
    tryThis: HELP,
  },
  {
    name: 'a port that is no number',
    args: ['gateway', '--port', 'abc'],
    error: '--port must be a whole number from 0 to 65535',
    why: '"abc" is not',
    tryThis: HELP,
  },
  {
    name: 'a negative port',
    args: ['gateway', '--port', '-1'],
    error: '--port must be a whole number from 0 to 65535',
    why: '"-1" is not',
    tryThis: HELP,
  },
  {
    name: 'a bad port in the environment',
    args: UPSTREAM.slice(0, 3),
    env: { DRAWBRIDGE_PORT: 'http' },
    error: 'DRAWBRIDGE_PORT must be a whole number from 0 to 65535',
    why: '"http" is not',
    tryThis: HELP,
  },
  {
    name: 'a flag in the environment that is neither on nor off',
    args: ['gateway'],
    env: { DRAWBRIDGE_DEMO: 'perhaps' },
    error: 'DRAWBRIDGE_DEMO must be 1 or 0',
    why: '"perhaps" is neither',
    tryThis: /--demo/,
  },
  {
    name: 'an argument of several lines, in one line',
    args: ['--no\nsuch\u001b[31m'],
    error: /^unknown option '--no\\u000asuch\\u001b\[31m'$/,
    tryThis: HELP,
  },
];

const URLS: readonly BadInput[] = [
  {
    name: 'no URL',
    args: ['--log-level', 'debug'],
    error: 'the URL of the MCP server is missing',
    tryThis: 'Such as mcp-drawbridge http://127.0.0.1:8000/sse',
  },
  {
    name: 'a misspelt command',
    args: ['gatway'],
    error: "unknown command 'gatway'",
    why: /no command/,
    tryThis: "Did you mean 'mcp-drawbridge gateway'?",
  },
  {
    name: 'an unknown scheme',
    args: ['htp://x'],
    error: 'the URL "htp://x" cannot be used',
    why: /scheme is htp/,
    tryThis: IN_FULL,
  },
  {
    name: 'a URL with one slash',
    args: ['http:/x'],
    error: 'the URL "http:/x" cannot be used',
    why: /two slashes/,
    tryThis: IN_FULL,
  },
  {
    name: 'a URL without a host',
    args: ['http:///x'],
    error: 'the URL "http:///x" cannot be used',
    why: /two slashes/,
    tryThis: IN_FULL,
  },
  {
    name: 'a host and port alone',
    args: ['localhost:8000/sse'],
    error: 'the URL "localhost:8000/sse" cannot be used',
    why: /does not begin with http/,
    tryThis: IN_FULL,
  },
  { name: 'words', args: ['not a url'], error: 'the URL "not a url" cannot be used', why: /space/, tryThis: IN_FULL },
  {
    name: 'a URL with a space',
    args: ['http://127.0.0.1:9/s se'],
    error: /^the URL .* cannot be used$/,
    why: /space/,
    tryThis: IN_FULL,
  },
  {
    name: 'a port of a URL that is none',
    args: ['http://127.0.0.1:99999/sse'],
    error: /^the URL .* cannot be used$/,
    why: /port/,
    tryThis: IN_FULL,
  },
  {
    name: 'a URL with a password',
    args: [`http://user:${SECRET}@127.0.0.1:9/sse`],
    error: 'the URL "http://***@127.0.0.1:9/sse" cannot be used',
    why: /password/,
    tryThis: /Authorization/,
  },
  {
    name: 'a bad URL with a secret in its query',
    args: [`http:/127.0.0.1:9/sse?key=${SECRET}`],
    error: 'the URL "http:/127.0.0.1:9/sse?…" cannot be used',
    why: /two slashes/,
    tryThis: IN_FULL,
  },
  {
    name: 'two URLs',
    args: ['http://127.0.0.1:9/sse', 'http://127.0.0.1:9/mcp'],
    error: "unexpected argument 'http://127.0.0.1:9/mcp'",
    why: /after the URL/,
    tryThis: /quote/,
  },
  { name: 'no upstream', args: ['gateway'], error: '--upstream is missing', tryThis: /--demo/ },
  {
    name: 'an upstream that is no URL',
    args: ['gateway', '--upstream', 'htp://x'],
    error: 'the upstream "htp://x" cannot be used',
    why: /scheme is htp/,
    tryThis: IN_FULL,
  },
  {
    name: 'an upstream with one slash',
    args: ['gateway', '--upstream', 'http:/x'],
    error: 'the upstream "http:/x" cannot be used',
    why: /two slashes/,
    tryThis: IN_FULL,
  },
  {
    name: 'an upstream without its option',
    args: ['gateway', 'http://127.0.0.1:9/sse'],
    error: /^unexpected argument/,
    why: /takes options, and a command after --/,
    tryThis: /--upstream/,
  },
];

describe.each([
  { of: 'options', cases: OPTIONS },
  { of: 'URLs', cases: URLS },
])('bad $of', ({ cases }) => {
  it.concurrent.each(cases)('$name: ends with 2 and says what, why and what to try', (bad) =>
    expectRefusal(bad, process.cwd()));
});
