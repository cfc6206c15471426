/** Replicas and further servers, on the command line, in the environment and in a configuration file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startWarnings } from '../../src/cli/start-warnings.ts';
import { parseYamlConfig } from '../../src/cli/yaml-config.ts';
import { GATEWAY_COMMAND_OPTIONS } from '../../src/config/gateway-options.ts';
import { fileSchema } from '../../src/config/json-schema.ts';
import { startGatewayProcess } from '../parts/gateway-process.ts';
import { connectHttp, connectSse } from '../parts/mcp-client.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { runCli } from '../parts/run-cli.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-upstreams-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function check(text: string, more: { args?: string[]; env?: Record<string, string> } = {}) {
  writeFileSync(join(folder, 'c.yaml'), text);
  const args = ['gateway', '--config', 'c.yaml', '--check-config', ...(more.args ?? [])];
  return runCli(args, { cwd: folder, ...(more.env === undefined ? {} : { env: more.env }) });
}

const SECRET = 'hunter2-hunter2';
const NAMED = `auth: none
upstream: [http://127.0.0.1:9/sse, http://127.0.0.1:10/sse]
upstreams:
  crm:
    upstream: http://127.0.0.1:11/mcp
    upstreamTransport: http
    upstreamHeader: { Authorization: Bearer ${SECRET} }
  logs: { upstream: [http://127.0.0.1:12/sse?token=${SECRET}], upstream-host: logs.internal }
`;

describe('gateway --check-config', () => {
  it('shows every server and no secret', async () => {
    const { code, stdout, stderr } = await check(NAMED);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^upstream +http:\/\/127\.0\.0\.1:9\/sse, http:\/\/127\.0\.0\.1:10\/sse +"upstream" in c/m);
    expect(stdout).toContain(
      'crm { upstream: http://127.0.0.1:11/mcp, upstream-transport: http, upstream-header: *** }, ' +
        'logs { upstream: http://127.0.0.1:12/sse?…, upstream-host: logs.internal }',
    );
    expect(stdout).toContain('"upstreams" in c.yaml:3:1');
    expect(stdout).not.toContain(SECRET);
  });

  it('takes them from the environment and from the command line, which counts first', async () => {
    const env = {
      DRAWBRIDGE_UPSTREAM: 'http://127.0.0.1:9/sse\nhttp://127.0.0.1:10/sse',
      DRAWBRIDGE_UPSTREAMS: '{ "a": { "upstream": "http://127.0.0.1:11/mcp" } }',
    };
    const fromEnvironment = await check('auth: none\n', { env });
    expect(fromEnvironment.stdout).toMatch(/^upstream .*:9\/sse, .*:10\/sse +DRAWBRIDGE_UPSTREAM$/m);
    expect(fromEnvironment.stdout).toMatch(/^upstreams +a \{ upstream: .*:11\/mcp } +DRAWBRIDGE_UPSTREAMS$/m);
    const args = ['--upstreams', '{"b":{"upstream":"http://127.0.0.1:12/mcp"}}'];
    const fromArguments = await check('auth: none\n', { env, args });
    expect(fromArguments.stdout).toMatch(/^upstreams +b \{ upstream: .*:12\/mcp } +--upstreams$/m);
  });

  const one = 'auth: none\nupstreams:\n';
  it.each([
    [
      'an unknown key',
      `${one}  crm: { upsteam: http://127.0.0.1:9/sse }\n`,
      'unknown key "upsteam" in "crm" of "upstreams" in c.yaml:2:1',
      'Did you mean "upstream"?',
    ],
    [
      'a choice that is none',
      `${one}  crm: { upstream: http://127.0.0.1:9/sse, upstreamTransport: ws }\n`,
      '"upstreamTransport" in "crm" of "upstreams" in c.yaml:2:1 must be one of auto, sse, http',
      '',
    ],
    [
      'a key of JavaScript',
      `${one}  __proto__: { upstream: http://127.0.0.1:9/sse }\n`,
      '"__proto__" of "upstreams"',
      '',
    ],
    [
      'a name twice',
      `${one}  crm: { upstream: http://127.0.0.1:9/sse }\n  crm: { upstream: http://127.0.0.1:10/sse }\n`,
      'the configuration file cannot be used at c.yaml:4:3',
      'the key occurs twice',
    ],
    ...['health', 'ready', 'metrics', 'sse', 'mcp', 'messages', 't'].map((name) => [
      `the name ${name}, which has a use`,
      `${one}  ${name}: { upstream: http://127.0.0.1:9/sse }\n`,
      `the name "${name}" of "upstreams" in c.yaml:2:1 cannot be used`,
      'it has a use already',
    ]),
    ...['""', '/', '..', 'a/b', '.well-known', 'ä'].map((name) => [
      `the name ${name}`,
      `${one}  ${name}: { upstream: http://127.0.0.1:9/sse }\n`,
      'of "upstreams" in c.yaml:2:1 cannot be used',
      'such as "db"',
    ]),
    ['a server without a URL', `${one}  crm: {}\n`, 'the upstream of crm has no URL', ''],
    [
      'a server that is a text',
      `${one}  crm: http://127.0.0.1:9/sse\n`,
      '"crm" of "upstreams" in c.yaml:2:1 must be an object',
      '',
    ],
    ['a list of servers', 'auth: none\nupstreams: []\n', '"upstreams" in c.yaml:2:1 must be an object of objects', ''],
    ['a URL that is none', `${one}  crm: { upstream: ftp://x }\n`, 'the upstream of crm', ''],
    [
      'a replica twice',
      `${one}  crm: { upstream: [http://127.0.0.1:9/sse, http://127.0.0.1:9/sse] }\n`,
      'the upstream of crm has the replica 127.0.0.1:9 twice',
      '',
    ],
    [
      'replicas that are numbers',
      'auth: none\nupstream: [1]\n',
      '"upstream" in c.yaml:2:1 must be a text or a list',
      '',
    ],
    ['no server at all', 'auth: none\nupstreams: {}\n', '--upstream is missing', ''],
  ])('names %s with its place, and ends with 2', async (_name, text, error, more) => {
    const { code, stdout, stderr } = await check(text!);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(error);
    expect(stderr).toContain(more);
  });

  it('names what is wrong on the command line, and quotes no secret', async () => {
    const args = ['--upstreams', `{"a":{"upstream":"http://127.0.0.1:9/sse","upstreamHeader":["${SECRET}"]}}`];
    const { code, stderr } = await check('auth: none\n', { args });
    expect(code).toBe(2);
    expect(stderr).toContain('the upstreamHeader of a');
    expect(stderr).not.toContain(SECRET);
    const twice = await check('auth: none\n', { args: ['--upstreams', '{"a":{},"a":{}}'] });
    expect(twice.stderr).toContain('the object cannot be used at --upstreams:1:9');
  });
});

describe('the JSON Schema', () => {
  const schema = fileSchema(GATEWAY_COMMAND_OPTIONS, 'Gateway');
  const validate = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true }).compile(schema);

  it('takes what the gateway takes', () => {
    const { content } = parseYamlConfig(NAMED, 'c.yaml');
    expect(validate(content), JSON.stringify(validate.errors)).toBe(true);
  });

  it.each([
    { upstreams: { health: { upstream: 'http://127.0.0.1:9/sse' } } },
    { upstreams: { 'a/b': { upstream: 'http://127.0.0.1:9/sse' } } },
    { upstreams: { a: { upsteam: 'http://127.0.0.1:9/sse' } } },
    { upstreams: { a: 'http://127.0.0.1:9/sse' } },
    { upstream: [1] },
  ])('refuses %j', (options) => {
    expect(validate(options)).toBe(false);
  });
});

it('headers of servers on the command line are warned of', () => {
  const surroundings = {
    nodeVersion: process.version,
    env: {},
    execArgv: [],
    origins: new Map([['upstreams', '--upstreams']]),
  };
  const upstreams = (header: string[]) => ({
    upstreams: { a: { upstream: ['http://a/sse'], 'upstream-header': header } },
  });
  expect(startWarnings(upstreams(['a: b']), surroundings)).toEqual([expect.stringContaining('--upstreams is seen by')]);
  expect(startWarnings(upstreams([]), surroundings)).toEqual([]);
});

describe('the gateway started with replicas and a named server', () => {
  let servers: TestMcpServer[];
  beforeAll(async () => {
    servers = await Promise.all([startMcpServer(), startMcpServer(), startMcpServer()]);
  });
  afterAll(() => Promise.all(servers.map((server) => server.kill())));

  it('says in front of what it listens, and serves each', async () => {
    const [first, second, named] = servers as [TestMcpServer, TestMcpServer, TestMcpServer];
    const upstreams = JSON.stringify({ crm: { upstream: named.httpUrl, upstreamHeader: { 'X-Crm': SECRET } } });
    const gateway = await startGatewayProcess(first.sseUrl, ['--upstream', second.sseUrl, '--upstreams', upstreams]);
    try {
      expect(gateway.log()).toContain(`in front of ${first.sseUrl}, ${second.sseUrl}; ${named.httpUrl} as /crm`);
      const clients = [
        await connectSse(`${gateway.origin}/sse`, gateway.alice),
        await connectSse(`${gateway.origin}/sse`, gateway.alice),
        await connectHttp(`${gateway.origin}/crm/mcp`, gateway.alice),
      ];
      expect(servers.map(({ sessionCount }) => sessionCount())).toEqual([1, 1, 1]);
      expect(await clients[2]!.callText('echo', { text: 'crm' })).toBe('crm');
      expect(named.seen[0]?.headers['x-crm']).toBe(SECRET);
      expect(first.seen[0]?.headers['x-crm']).toBeUndefined();
      expect(gateway.log()).not.toContain(SECRET);
      for (const client of clients) await client.close();
    } finally {
      await gateway.close();
    }
  });
});
