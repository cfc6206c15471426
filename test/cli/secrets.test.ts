import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCli } from '../parts/run-cli.ts';
import { callTool, INITIALIZE, INITIALIZED } from '../parts/stdio-messages.ts';

const IN_HEADER = 'planted-in-header-1';
const IN_FILE = 'planted-in-header-file-2';
const IN_QUERY = 'planted in query+3';
const IN_CONFIG = 'planted-in-config-4';
const IN_COOKIE = 'planted-in-cookie-5';
const IN_ENVIRONMENT = 'planted-in-environment-6';
const PLANTED = [IN_HEADER, IN_FILE, IN_QUERY, encodeURIComponent(IN_QUERY), IN_CONFIG, IN_COOKIE, IN_ENVIRONMENT];
const INPUT = `${[INITIALIZE, INITIALIZED, callTool('2', 'echo', { text: 'x' })].join('\n')}\n`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-secrets-'));
  writeFileSync(join(folder, 'headers.txt'), `X-File: ${IN_FILE}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** All that a request says, as a careless server would say it back. */
function echoOf(req: IncomingMessage): string {
  return `bad request ${req.url} ${decodeURIComponent(req.url ?? '')} with ${JSON.stringify(req.headers)} ${req.rawHeaders.join(' ')}`;
}

describe.each([
  { status: 401, type: 'text/plain' },
  { status: 400, type: 'application/json' },
  { status: 404, type: 'text/plain' },
  { status: 500, type: 'text/plain' },
  { status: 200, type: 'text/plain' },
  { status: 302, type: 'text/plain' },
])('secrets that a server says back with $status as $type', ({ status, type }) => {
  let server: Server;
  let url: string;
  let seen: string;
  beforeEach(async () => {
    seen = '';
    server = createServer((req, res) => {
      const echo = echoOf(req);
      seen += echo;
      const location =
        status === 302 ? { Location: `http://elsewhere.example${req.url}&h=${req.headers['x-key']}` } : {};
      res.writeHead(status, { 'Content-Type': type, 'Set-Cookie': `sid=${IN_COOKIE}`, ...location }).end(echo);
    });
    await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp?key=${encodeURIComponent(IN_QUERY)}`;
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  async function expectNothingShown(args: readonly string[], env: Record<string, string>, planted: readonly string[]) {
    const { stdout, stderr } = await runCli([...args, '--debug'], { env, input: INPUT });
    for (const secret of planted) expect(seen, 'the server was sent it').toContain(secret);
    for (const secret of PLANTED) expect(`${stdout}${stderr}`).not.toContain(secret);
    expect(stdout, 'the requests are answered').toMatch(/"id":1[,}]/);
  }

  it.each(['http', 'sse'])('are not shown by --debug over %s when they come from arguments and files', async (kind) => {
    const args = [
      url,
      '--transport',
      kind,
      '--header',
      `X-Key: ${IN_HEADER}`,
      '--header-file',
      join(folder, 'headers.txt'),
    ];
    await expectNothingShown(args, {}, [IN_HEADER, IN_FILE, IN_QUERY]);
  });

  it.each([
    'http',
    'sse',
  ])('are not shown by --debug over %s when they come from a configuration file', async (kind) => {
    const config = join(folder, 'config.json');
    writeFileSync(config, JSON.stringify({ url, header: { 'X-Key': IN_CONFIG }, transport: kind }));
    await expectNothingShown(['--config', config], {}, [IN_CONFIG, IN_QUERY]);
  });

  it('are not shown by --debug when they come from the environment', async () => {
    const env = { TOKEN: IN_ENVIRONMENT, DRAWBRIDGE_HEADER: 'X-Key: Bearer ${TOKEN}', DRAWBRIDGE_URL: url };
    await expectNothingShown([], env, [IN_ENVIRONMENT, IN_QUERY]);
  });
});
