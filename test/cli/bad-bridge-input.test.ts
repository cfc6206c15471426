import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { type BadInput, expectRefusal, SECRET } from '../parts/bad-input.ts';

const URL = 'http://127.0.0.1:9/sse';
const HTTPS = 'https://127.0.0.1:9/mcp';
const HELP = 'Run mcp-drawbridge --help.';
const FILES: Readonly<Record<string, string>> = {
  'headers.txt': `# a comment\n\nX-Key: ${SECRET}\n${SECRET}\n`,
  'unset.txt': 'X-Key: ${DRAWBRIDGE_TEST_UNSET}\n',
  'cert.pem': '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  'key.pem': '-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n',
  'locked.pem': '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----\n',
  'text.pem': SECRET,
  'typo.json': '{"url":"http://127.0.0.1:9/sse","hedaer":{}}',
  'kind.json': `{"url":"http://127.0.0.1:9/sse","header":"X-Key: ${SECRET}"}`,
  'broken.json': `{"header":["X-Key: ${SECRET}",`,
  'no-url.json': '{"debug":true}',
  'plain.json': '{"url":"http://db.example.com/sse"}',
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-bad-bridge-'));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const VALUES: readonly BadInput[] = [
  {
    name: 'the milliseconds of older versions',
    args: [URL, '--connect-timeout-ms', '500'],
    error: "unknown option '--connect-timeout-ms'",
    tryThis: "Did you mean '--connect-timeout'?",
  },
  {
    name: 'a flag of mcp-remote, misspelt',
    args: [URL, '--allow-htp'],
    error: "unknown option '--allow-htp'",
    tryThis: "Did you mean '--allow-http'?",
  },
  {
    name: 'seconds that are none',
    args: [URL, '--body-timeout', '5m'],
    error: '--body-timeout must be a number of seconds from 0 to 2147483',
    why: '"5m" is not',
    tryThis: HELP,
  },
  {
    name: 'no time at all to connect',
    args: [URL, '--connect-timeout=0'],
    error: '--connect-timeout must be a number of seconds from 0.1 to 2147483',
    why: '"0" is not',
    tryThis: HELP,
  },
  {
    name: 'seconds of the environment that are none',
    args: [URL],
    env: { DRAWBRIDGE_PING_INTERVAL: 'off' },
    error: 'DRAWBRIDGE_PING_INTERVAL must be a number of seconds from 0 to 2147483',
    why: '"off" is not',
    tryThis: HELP,
  },
  {
    name: 'a callback port that is none',
    args: [URL, SECRET],
    error: 'unexpected argument',
    why: /callback port/,
    tryThis: /quote/,
  },
  {
    name: 'a callback port above 65535',
    args: [URL, '65536'],
    error: 'unexpected argument',
    why: /from 0 to 65535/,
    tryThis: /quote/,
  },
  {
    name: 'a third argument',
    args: [URL, '3334', SECRET],
    error: 'unexpected argument',
    why: /nothing more/,
    tryThis: /quote/,
  },
  {
    name: 'a credential in place of the URL',
    args: [SECRET],
    error: 'the URL cannot be used',
    why: /does not begin with http/,
    tryThis: /in full/,
  },
  {
    name: 'http to another machine',
    args: ['http://db.example.com/sse'],
    error: 'refusing to send to db.example.com without encryption',
    why: /read and changed/,
    tryThis: /https:.*--ssh.*--allow-http/,
  },
  {
    name: 'http to every address',
    args: ['http://0.0.0.0:8000/sse'],
    error: 'refusing to send to 0.0.0.0:8000 without encryption',
    why: /read and changed/,
    tryThis: /--allow-http/,
  },
  {
    name: 'http to a name that only begins like this machine',
    args: ['http://127.0.0.1.example.com/sse'],
    error: 'refusing to send to 127.0.0.1.example.com without encryption',
    why: /read and changed/,
    tryThis: /--allow-http/,
  },
];

const VARIABLES: readonly BadInput[] = [
  {
    name: 'a variable of a header that is not set',
    args: [URL, '--header', 'Authorization: Bearer ${DRAWBRIDGE_TEST_UNSET}'],
    error: 'the variable DRAWBRIDGE_TEST_UNSET is not set',
    why: 'the header Authorization in --header takes it from the environment',
    tryThis: /"env"/,
  },
  {
    name: 'a variable of a header that is empty',
    args: [URL],
    env: { EMPTY: '', DRAWBRIDGE_HEADER: 'X-Key:${EMPTY}' },
    error: 'the variable EMPTY is empty',
    why: 'the header X-Key in DRAWBRIDGE_HEADER takes it from the environment',
    tryThis: /"env"/,
  },
  {
    name: 'a variable of a file of headers that is not set',
    args: [URL, '--header-file', 'unset.txt'],
    error: 'the variable DRAWBRIDGE_TEST_UNSET is not set',
    why: 'the header X-Key in unset.txt takes it from the environment',
    tryThis: /"env"/,
  },
  {
    name: 'a variable of the URL that is not set',
    args: ['https://${DRAWBRIDGE_TEST_UNSET}/mcp'],
    error: 'the variable DRAWBRIDGE_TEST_UNSET is not set',
    why: 'the URL takes it from the environment',
    tryThis: /"env"/,
  },
];

const INPUT_FILES: readonly BadInput[] = [
  {
    name: 'a file of headers that is not there',
    args: [URL, '--header-file', 'nowhere.txt'],
    error: 'cannot read nowhere.txt',
    why: 'ENOENT; it is named with --header-file',
    tryThis: /full path/,
  },
  {
    name: 'a file of headers with a line that is none',
    args: [URL, '--header-file', 'headers.txt'],
    error: 'headers.txt has a line that is no header',
    why: 'line 4 is not a name, a colon and a value',
    tryThis: /Authorization/,
  },
  {
    name: 'a configuration file that is not there',
    args: [URL, '--config', 'nowhere.json'],
    error: 'cannot read the configuration file nowhere.json',
    why: 'ENOENT; it is named with --config',
    tryThis: /Correct/,
  },
  {
    name: 'a configuration file with an unknown key',
    args: [],
    env: { DRAWBRIDGE_CONFIG: 'typo.json' },
    error: 'unknown key "hedaer" in typo.json',
    tryThis: 'Did you mean "header"?',
  },
  {
    name: 'a configuration file with a value of another kind',
    args: ['--config', 'kind.json'],
    error: '"header" in kind.json must be an object of texts or a list of texts',
    why: 'it is a text',
    tryThis: /Correct/,
  },
  {
    name: 'a configuration file that is no JSON',
    args: ['--config', 'broken.json'],
    error: 'the configuration file broken.json cannot be used',
    why: /^it is not JSON/,
    tryThis: /comma/,
  },
  {
    name: 'a configuration file without a URL',
    args: ['--config', 'no-url.json'],
    error: 'the URL of the MCP server is missing',
    tryThis: /^Such as/,
  },
  {
    name: 'a URL of a configuration file that is refused',
    args: ['--config', 'plain.json'],
    error: 'refusing to send to db.example.com without encryption',
    why: /read and changed/,
    tryThis: /--allow-http/,
  },
  {
    name: 'a file of authorities that is not there',
    args: [HTTPS, '--ca', 'nowhere.pem'],
    error: 'cannot read nowhere.pem',
    why: 'ENOENT; it is named with --ca',
    tryThis: /full path/,
  },
  {
    name: 'a file of authorities that has none',
    args: [HTTPS, '--ca', 'cert.pem', '--ca', 'text.pem'],
    error: 'text.pem cannot be used',
    why: '--ca needs a certificate in PEM, and there is none in it',
    tryThis: /BEGIN CERTIFICATE/,
  },
  {
    name: 'a certificate without its key',
    args: [HTTPS, '--client-cert', 'cert.pem'],
    error: '--client-cert needs --client-key',
    why: /private key/,
    tryThis: /--client-key/,
  },
  {
    name: 'a key without its certificate',
    args: [HTTPS],
    env: { DRAWBRIDGE_CLIENT_KEY: 'key.pem' },
    error: '--client-key needs --client-cert',
    why: /private key/,
    tryThis: /--client-cert/,
  },
  {
    name: 'a certificate in place of the key',
    args: [HTTPS, '--client-cert', 'cert.pem', '--client-key', 'cert.pem'],
    error: 'cert.pem cannot be used',
    why: '--client-key needs a private key in PEM, and there is none in it',
    tryThis: /BEGIN PRIVATE KEY/,
  },
  {
    name: 'a key with a passphrase',
    args: [HTTPS, '--client-cert', 'cert.pem', '--client-key', 'locked.pem'],
    error: 'locked.pem cannot be used',
    why: /passphrase/,
    tryThis: /openssl pkey/,
  },
];

const TUNNELS: readonly BadInput[] = [
  ...[
    '-oProxyCommand=x',
    'me@-oProxyCommand=x',
    'me@host -v',
    'host\n',
    'a;b',
    '$(x)',
    '`x`',
    'me@host:0',
    'me@host:65536',
    'me@',
    '@host',
    'ssh://host',
    'a b@host',
  ].map(
    (destination): BadInput => ({
      name: `a tunnel to ${JSON.stringify(destination)}`,
      args: [URL, `--ssh=${destination}`],
      error: /^the SSH destination ".*" cannot be used$/,
      why: /option|space|user name|neither|port|missing|brackets|colon/,
      tryThis: /user@host:port/,
    }),
  ),
  {
    name: 'a key for no tunnel',
    args: [URL, '--ssh-key', 'key.pem'],
    error: '--ssh-key needs --ssh',
    tryThis: /--ssh user@host/,
  },
  {
    name: 'a key of a tunnel that is not there',
    args: [URL, '--ssh', 'me@host', '--ssh-key', 'nowhere'],
    error: 'cannot read nowhere',
    why: 'ENOENT; it is named with --ssh-key',
    tryThis: /full path/,
  },
];

describe.each([
  { of: 'values', cases: VALUES },
  { of: 'variables', cases: VARIABLES },
  { of: 'files', cases: INPUT_FILES },
  { of: 'tunnels', cases: TUNNELS },
])('bad $of of the bridge', ({ cases }) => {
  it.concurrent.each(cases)('$name: ends with 2 and says what, why and what to try', (bad) =>
    expectRefusal(bad, folder));
});
