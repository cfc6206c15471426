import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Certificates, makeCertificates } from '../parts/certificates.ts';
import { until, within } from '../parts/deadline.ts';
import { makeFakeSsh } from '../parts/fake-ssh.ts';
import { type GatewayProcess, startGatewayProcess } from '../parts/gateway-process.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { BIN, type CliResult, linesOf, startCli } from '../parts/run-cli.ts';
import { startTlsFront, type TlsFront } from '../parts/tls-front.ts';

const PATIENCE_MS = 20_000;
const SECRET = 'hunter2-hunter2-hunter2';
/** Of a line: the verdict, the hop, what was seen. */
const LINE = /^(ok|warn|fail|skip) +[a-z]+ +\S/;

interface Document {
  readonly target: string | null;
  readonly verdict: string;
  readonly failsAt: string | null;
  readonly findings: readonly { readonly hop: string; readonly verdict: string; readonly said: string }[];
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('mcp-drawbridge check', { timeout: 3 * PATIENCE_MS }, () => {
  let server: TestMcpServer;
  let gateway: GatewayProcess;
  let certificates: Certificates;
  let tls: TlsFront;
  let pages: Server;
  let home: string;
  const closed = 'http://127.0.0.1:9/mcp';

  beforeAll(async () => {
    server = await startMcpServer();
    gateway = await startGatewayProcess(server.sseUrl);
    certificates = makeCertificates();
    const { cert, key } = certificates.server;
    tls = await startTlsFront(server.port, { cert, key });
    pages = createServer((req, res) => {
      res.statusCode = req.url === '/ready' ? 200 : 503;
      res.end('{"ready":false}');
    });
    await new Promise<void>((fulfil) => pages.listen(0, '127.0.0.1', fulfil));
  });
  afterAll(async () => {
    pages?.close();
    certificates?.remove();
    await tls?.close();
    await gateway?.close();
    await server?.kill();
  });
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'drawbridge-check-'));
    return () => rmSync(home, { recursive: true, force: true });
  });

  const pageUrl = (path: string): string => `http://127.0.0.1:${(pages.address() as AddressInfo).port}${path}`;
  const withKey = (): string[] => ['--header', `Authorization:${gateway.alice.Authorization}`, '--heartbeat', '0'];

  function start(args: readonly string[], env: Record<string, string> = {}): ReturnType<typeof startCli> {
    return startCli(['check', ...args], { cwd: home, env: { HOME: home, USERPROFILE: home, ...env } });
  }

  function check(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
    return start(args, env).exited(PATIENCE_MS);
  }

  async function document(
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<Document & { code: number | null }> {
    const { stdout, code } = await check([...args, '--json'], env);
    return { ...(JSON.parse(stdout) as Document), code };
  }

  const hopsOf = (stdout: string): string[] =>
    linesOf(stdout)
      .filter((line) => LINE.test(line))
      .map((line) => line.split(/ +/)[1]!);

  describe('a server that is in order', () => {
    it.each(['mcp', 'sse'])('over /%s: a line for each hop, and nothing fails', async (path) => {
      const { code, stdout, stderr } = await check([`${gateway.origin}/${path}`, ...withKey()]);
      expect(stdout).not.toMatch(/^(fail|fails)/m);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(hopsOf(stdout)).toEqual(expect.arrayContaining(['machine', 'tcp', 'http', 'initialize', 'tools', 'ping']));
      expect(linesOf(stdout).at(-1)).toMatch(/^(all is well|nothing fails): \d+ ok/);
      expect(stdout).not.toContain(gateway.alice.Authorization.slice(7));
    });

    it('stdout is findings, what to try about them, and the line at the end', async () => {
      const { stdout } = await check([`${gateway.origin}/mcp`, ...withKey()]);
      const [blank, ...others] = linesOf(stdout).filter(
        (line) => !LINE.test(line) && !/^ {6}(try|see) {2}\S/.test(line),
      );
      expect([blank, others.length]).toEqual(['', 1]);
    });

    it('in TLS, with --ca', async () => {
      const url = `https://127.0.0.1:${tls.port}/mcp`;
      expect(await document([url, '--heartbeat', '0', '--ca', certificates.ca.certFile])).toMatchObject({
        code: 0,
        failsAt: null,
      });
    });

    it('a page for the health of a container is asked for with GET, by little code', async () => {
      const recorder = fileURLToPath(new URL('../parts/record-loads.cjs', import.meta.url));
      const record = join(home, 'loads.json');
      const cli = startCli(['check', pageUrl('/ready'), '--until', 'http'], {
        nodeArgs: ['--require', recorder],
        env: { RECORD_LOADS_TO: record, HOME: home },
      });
      const { code, stdout } = await cli.exited(PATIENCE_MS);
      expect({ code, hops: hopsOf(stdout) }).toEqual({ code: 0, hops: ['machine', 'dns', 'tcp', 'http'] });
      const { builtIn } = JSON.parse(readFileSync(record, 'utf8')) as { builtIn: string[] };
      // Each costs more than the check itself.
      for (const name of ['tls', 'https', 'crypto', 'child_process', 'worker_threads'])
        expect(builtIn).not.toContain(name);
    });

    it('the gateway’s own /ready is such a page', async () => {
      expect((await check([`${gateway.origin}/ready`, '--until', 'http'])).code).toBe(0);
    });
  });

  describe('the hop that fails is named, and the exit code says of what kind it is', () => {
    it('3 where nothing listens', async () => {
      const { code, stdout, stderr } = await check([closed]);
      expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
      expect(linesOf(stdout).at(-1)).toMatch(/^fails at: tcp {2}.*127\.0\.0\.1:9.*ECONNREFUSED/);
      expect(stdout).toMatch(/^ {6}try {2}\S/m);
    });

    it('4 where the credential is missing', async () => {
      const { code, stdout } = await check([`${gateway.origin}/mcp`]);
      expect(code).toBe(4);
      expect(linesOf(stdout).at(-1)).toMatch(/^fails at: challenge {2}HTTP 401/);
      expect(stdout).toMatch(/^ {6}see {2}curl /m);
    });

    it('4 where it is wrong, which nobody reads anywhere', async () => {
      const { code, stdout, stderr } = await check([
        `${gateway.origin}/sse`,
        '--header',
        `Authorization:Bearer ${SECRET}`,
      ]);
      expect(code).toBe(4);
      expect(stdout + stderr).not.toContain(SECRET);
    });

    it('3 where the certificate is not trusted', async () => {
      expect(await document([`https://127.0.0.1:${tls.port}/mcp`])).toMatchObject({ code: 3, failsAt: 'tls' });
    });

    it('3 where a health page is not well', async () => {
      const { code, stdout } = await check([pageUrl('/down'), '--until', 'http']);
      expect(code).toBe(3);
      expect(linesOf(stdout).at(-1)).toMatch(/^fails at: http {2}GET \/down: HTTP 503/);
    });

    it('3 where a database does not answer; its password stands nowhere', async () => {
      const { code, stdout, stderr } = await check([`postgresql://kwild:${SECRET}@127.0.0.1:9/kwild`]);
      expect(code).toBe(3);
      expect(linesOf(stdout).at(-1)).toMatch(/^fails at: tcp {2}127\.0\.0\.1:9 \(IPv4\): ECONNREFUSED/);
      expect(stdout + stderr).not.toContain(SECRET);
    });

    it.each([
      [['--untl', 'http'], "unknown option '--untl'", "Did you mean '--until'?"],
      [['--until', 'htp', closed], '--until "htp" is no hop', "Did you mean 'http'?"],
      [['127.0.0.1:8000/mcp'], 'cannot be used', 'http://127.0.0.1:8000/sse'],
      [[closed, closed], 'unexpected argument', 'one URL'],
      [[closed, '--origin', 'app.example.com'], 'is no origin', 'https://app.example.com'],
      [[closed, '--timeout', '0'], '--timeout must be a number of seconds', ''],
      [['postgresql://a@127.0.0.1/b', '--ssh', 'me@host'], '--ssh cannot be used', 'ssh -N -L'],
      [['postgresql:///b'], 'the URL of the database cannot be used', 'postgresql://user@'],
      [[closed, '--ca', 'missing.pem'], 'cannot read missing.pem', ''],
    ])('2 for %j, on stderr alone', async (args, said, hint) => {
      const { code, stdout, stderr } = await check(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(said);
      expect(stderr).toContain(hint);
    });
  });

  describe('--json', () => {
    it('is one document of what the lines say', async () => {
      const found = await document([`${gateway.origin}/mcp`, ...withKey()]);
      expect(found).toMatchObject({ target: `${gateway.origin}/mcp`, failsAt: null, code: 0 });
      expect(['ok', 'warn']).toContain(found.verdict);
      expect(found.findings.map(({ hop }) => hop)).toEqual(expect.arrayContaining(['tcp', 'tools']));
      expect(JSON.stringify(found)).not.toContain(gateway.alice.Authorization.slice(7));
    });

    it('says what fails, and shows no secret of the URL', async () => {
      expect(await document([`${closed}?key=${SECRET}`])).toMatchObject({
        target: `${closed}?…`,
        verdict: 'fail',
        code: 3,
      });
    });
  });

  describe('the end', () => {
    it('lines come as they are found; Ctrl-C ends the session', async () => {
      const cli = start([`http://127.0.0.1:${server.port}/sse`, '--heartbeat', '60']);
      await cli.line('the ping', (line) => /^ok +ping/.test(line), PATIENCE_MS);
      expect(server.sessionCount()).toBeGreaterThan(0);
      const before = server.sessionCount();
      cli.child.kill('SIGINT');
      const { code, stderr } = await cli.exited(PATIENCE_MS);
      expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
      await until('the session is ended', () => server.sessionCount() < before);
    });

    it('--json that is given up is no document', async () => {
      const pings = (): number => server.methods.filter((method) => method === 'ping').length;
      const before = pings();
      const cli = start([`http://127.0.0.1:${server.port}/sse`, '--heartbeat', '60', '--json']);
      await until('it is under way', () => pings() > before, PATIENCE_MS);
      cli.child.kill('SIGTERM');
      expect(await cli.exited(PATIENCE_MS)).toMatchObject({ code: 143, stdout: '' });
    });

    it('a reader that goes away ends it without a word', async () => {
      const cli = start([`http://127.0.0.1:${server.port}/sse`, '--heartbeat', '2']);
      await cli.line('a line', (line) => LINE.test(line), PATIENCE_MS);
      cli.child.stdout.destroy();
      const { code, stderr } = await cli.exited(PATIENCE_MS);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    });
  });

  describe('this machine', () => {
    const write = (text: string): void => {
      mkdirSync(join(home, '.cursor'));
      writeFileSync(join(home, '.cursor', 'mcp.json'), text);
    };

    it('without a URL the files of its clients are read', async () => {
      write('{ "mcpServers": { "db": { "url": "http://localhost:8000/mcp" } } }');
      const { code, stdout } = await check([]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^warn +clients +Cursor: "db" has localhost in its URL.*\(~\/\.cursor\/mcp\.json:1\)$/m);
      expect(linesOf(stdout).at(-1)).toBe('nothing fails: 1 ok, 1 warning');
    });

    it('one that does not parse fails there', async () => {
      write('{ "mcpServers": {');
      expect(await document([])).toMatchObject({ target: null, verdict: 'fail', failsAt: 'clients', code: 3 });
    });

    it('after a server it is only warned of', async () => {
      write('{ "mcpServers": {');
      expect(await document([`${gateway.origin}/mcp`, ...withKey()])).toMatchObject({ verdict: 'warn', code: 0 });
    });
  });

  describe('through a tunnel that it opens', () => {
    const through = (ssh: string): [string[], Record<string, string>] => [
      [server.httpUrl, '--ssh', 'me@db.example.com', '--heartbeat', '0'],
      { PATH: `${dirname(ssh)}${delimiter}${process.env['PATH']}` },
    ];

    it('the server is walked to, and ssh ends with the check', async () => {
      const ssh = makeFakeSsh(
        `up((near) => { const far = connect(${server.port}, '127.0.0.1'); near.on('error', () => {}); far.on('error', () => {}); near.pipe(far).pipe(near); });`,
      );
      const { code, stdout } = await check(...through(ssh.command));
      expect(hopsOf(stdout)).toEqual(expect.arrayContaining(['ssh', 'tools', 'ping']));
      expect(code).toBe(0);
      const [{ pid } = { pid: 0 }] = ssh.starts();
      await until('ssh is gone', () => !isAlive(pid));
    });

    it('one that is refused is the hop that fails', async () => {
      const ssh = makeFakeSsh(
        "say('me@db.example.com: Permission denied (publickey).\\r\\n'); process.exitCode = 255;",
      );
      const { code, stdout } = await check(...through(ssh.command));
      expect(code).toBe(3);
      expect(linesOf(stdout).at(-1)).toMatch(/^fails at: ssh {2}/);
    });
  });

  it('every option is in the environment too', async () => {
    const env = {
      DRAWBRIDGE_URL: `${gateway.origin}/mcp`,
      DRAWBRIDGE_HEADER: `Authorization: ${gateway.alice.Authorization}`,
      DRAWBRIDGE_UNTIL: 'tools',
      DRAWBRIDGE_JSON: '1',
    };
    const { code, stdout } = await check([], env);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as Document).findings.at(-1)?.hop).toBe('tools');
  });

  it('there is colour on a terminal, unless it is not wanted', async () => {
    const inTerminal = async (env: Record<string, string>): Promise<string> => {
      const command = [process.execPath, BIN, 'check', closed].map((word) => `'${word}'`).join(' ');
      const child = spawn('script', ['-qec', command, '/dev/null'], {
        env: { PATH: process.env['PATH'], HOME: home, ...env },
      });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      await within(PATIENCE_MS, 'it ends', new Promise((fulfil) => child.on('close', fulfil)));
      return text;
    };
    expect(await inTerminal({})).toContain('\u001b[31mfail  \u001b[39m');
    expect(await inTerminal({ NO_COLOR: '1' })).not.toContain('\u001b[');
    expect(await inTerminal({ DRAWBRIDGE_NO_COLOR: '1' })).not.toContain('\u001b[');
  });
});
