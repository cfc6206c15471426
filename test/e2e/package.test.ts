import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { type InstalledPackage, installPackage, npm, ROOT } from '../parts/package.ts';
import { linesOf, startCli } from '../parts/run-cli.ts';
import { answers, callTool, expectOnlyMessages, handshake, request } from '../parts/stdio-messages.ts';

const run = promisify(execFile);
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };

let installed: InstalledPackage;
let home: string;
beforeAll(async () => {
  installed = await installPackage();
  home = join(installed.folder, 'node_modules/mcp-drawbridge');
}, 120_000);
afterAll(() => installed.remove());

const read = (path: string): string => readFileSync(join(home, path), 'utf8');

describe('the packed package', () => {
  it('holds the program, the library with its types, and what a licence asks for', () => {
    const paths = installed.files.map(({ path }) => path);
    expect(paths.filter((path) => !path.startsWith('dist/')).sort()).toEqual(
      expect.arrayContaining(['LICENSE', 'bin/mcp-drawbridge.cjs', 'package.json']),
    );
    for (const path of paths) {
      expect(path).toMatch(/^(bin|dist)\/|^(LICENSE|README\.md|package\.json)$/);
      expect(path).toMatch(/(\.cjs|\.m?js|\.d\.ts|\.json|\.txt|\.md|LICENSE)$/);
      expect(path).not.toMatch(/\btests?\b|\.test\.|\.map$/);
    }
  });

  it('has types of what its entry points lead to, and of nothing else', () => {
    const types = installed.files.map(({ path }) => path).filter((path) => path.endsWith('.d.ts'));
    expect(types).toEqual(
      expect.arrayContaining(['dist/index.d.ts', 'dist/bridge/index.d.ts', 'dist/gateway/index.d.ts']),
    );
    expect(types.filter((path) => /^dist\/(cli|config|demo)\/|policies|authenticators/.test(path))).toEqual([]);
    for (const path of types) {
      for (const [, specifier] of read(path).matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
        expect(specifier, path).toMatch(/\.js$/);
        expect(types).toContain(join(dirname(path), specifier!.replace(/\.js$/, '.d.ts')));
      }
    }
  });

  it('is small: at most 95 files and 3.6 MB, of which a bridge reads 170 kB', () => {
    expect(installed.files.length).toBeLessThanOrEqual(95);
    expect(installed.unpackedSize).toBeLessThanOrEqual(3_600_000);
    expect(statSync(join(home, 'dist/cli/main.cjs')).size).toBeLessThanOrEqual(170_000);
  });

  it('tells nothing of the machine that made it', () => {
    for (const { path } of installed.files) {
      expect(read(path), path).not.toContain(ROOT);
      expect(read(path), path).not.toMatch(/sourceMappingURL=(?!.*\$)/);
    }
  });

  it.each(['express', 'helmet'])('names %s among what it bundles, with version and licence', (name) => {
    const source = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8');
    const { version: bundled, license } = JSON.parse(source) as { version: string; license: string };
    expect(linesOf(read('dist/THIRD-PARTY.txt'))).toContain(`${name} ${bundled} (${license})`);
  });

  it('needs no other package', async () => {
    expect(JSON.parse(await npm(['ls', '--omit=dev', '--json'], ROOT))).not.toHaveProperty('dependencies');
    expect(readdirSync(join(installed.folder, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual([
      'mcp-drawbridge',
    ]);
  });
});

describe('the installed command', () => {
  let upstream: TestMcpServer;
  beforeAll(async () => {
    upstream = await startMcpServer();
  });
  afterAll(() => upstream.kill());

  it('is found by npx', async () => {
    const npx = (flag: string) => run('npx', ['--no-install', 'mcp-drawbridge', flag], { cwd: installed.folder });
    expect((await npx('--version')).stdout).toBe(`${version}\n`);
    expect((await npx('--help')).stdout).toContain('mcp-drawbridge <url>');
  });

  it.each(['sse', 'http'] as const)('bridges to a server over %s', async (kind) => {
    const url = kind === 'sse' ? upstream.sseUrl : upstream.httpUrl;
    const bin = join(installed.folder, 'node_modules/.bin/mcp-drawbridge');
    const bridge = startCli([url], { bin, cwd: installed.folder });
    await handshake(bridge);
    bridge.writeLine(request('2', 'tools/list'));
    expect(await bridge.line('the tools are listed', answers('2'))).toContain('"name":"echo"');
    bridge.writeLine(callTool('3', 'echo', { text: 'over the bridge' }));
    expect(await bridge.line('the call is answered', answers('3'))).toContain('over the bridge');
    bridge.child.stdin.end();
    expect(await bridge.exited()).toMatchObject({ code: 0 });
    expectOnlyMessages(bridge.stdout);
  });

  it('started by npx, ends its session when its client closes stdin', async () => {
    const before = upstream.sessionCount();
    const npx = execFile('npx', ['--no-install', 'mcp-drawbridge', upstream.sseUrl], { cwd: installed.folder });
    await until('the session is open', () => upstream.sessionCount() === before + 1);
    npx.stdin?.end();
    await until('the session is over', () => upstream.sessionCount() === before);
  });

  it('serves as a gateway and makes its keys', async () => {
    const bin = join(home, 'bin/mcp-drawbridge.cjs');
    const { stdout } = await run(process.execPath, [bin, 'keys', 'add', 'alice'], { cwd: installed.folder });
    const args = ['gateway', '--upstream', upstream.httpUrl, '--key-file', 'keys.json', '--port', '0'];
    const gateway = startCli(args, { bin, cwd: installed.folder });
    const [, origin] = await gateway.logged(/listening on (\S+),/);
    expect((await fetch(`${origin}/mcp`)).status).toBe(401);
    const env = { DRAWBRIDGE_HEADER: `Authorization: Bearer ${stdout.trim()}` };
    const bridge = startCli([`${origin}/mcp`], { bin, cwd: installed.folder, env });
    await handshake(bridge);
    bridge.child.stdin.end();
    expect(await bridge.exited()).toMatchObject({ code: 0 });
    gateway.child.kill('SIGTERM');
    expect(await gateway.exited()).toMatchObject({ code: 0 });
  });
});

describe('the installed library', () => {
  it('is imported by its three names, which share their classes', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', IMPORTS], {
      cwd: installed.folder,
    });
    expect(JSON.parse(stdout)).toEqual({
      all: ['DrawbridgeError', 'createBridge', 'createGateway'],
      bridge: ['DrawbridgeError', 'createBridge'],
      gateway: ['DrawbridgeError', 'createGateway'],
      areSame: true,
      isCaught: true,
      title: 'Configuration file of mcp-drawbridge gateway',
      version,
    });
  });

  it('imports nothing else by its name', async () => {
    const inner = `await import('mcp-drawbridge/dist/index.js')`;
    const importing = run(process.execPath, ['--input-type=module', '--eval', inner], { cwd: installed.folder });
    await expect(importing).rejects.toThrow('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('type-checks in a project of Express 5, its declarations included', async () => {
    const modules = join(installed.folder, 'node_modules');
    mkdirSync(join(installed.folder, 'src'));
    // Real packages in the consumer's own folder; they find what they need from where they really are.
    for (const name of ['@types', 'express-rate-limit'])
      symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
    writeFileSync(join(installed.folder, 'src/consumer.ts'), CONSUMER);
    writeFileSync(join(installed.folder, 'tsconfig.json'), JSON.stringify(TSCONFIG));
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, [tsc, '-p', '.'], { cwd: installed.folder }).catch(
      (failed: { stdout: string }) => failed,
    );
    expect(stdout).toBe('');
  }, 60_000);
});

const IMPORTS = `
import * as all from 'mcp-drawbridge';
import * as bridge from 'mcp-drawbridge/bridge';
import * as gateway from 'mcp-drawbridge/gateway';
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
let thrown;
try { gateway.createGateway({ upstream: 'x' }); } catch (error) { thrown = error; }
console.log(JSON.stringify({
  all: Object.keys(all), bridge: Object.keys(bridge), gateway: Object.keys(gateway),
  areSame: all.createBridge === bridge.createBridge && all.createGateway === gateway.createGateway
    && all.DrawbridgeError === bridge.DrawbridgeError && all.DrawbridgeError === gateway.DrawbridgeError,
  isCaught: thrown instanceof all.DrawbridgeError && thrown.code === 'config',
  title: require('mcp-drawbridge/schema.json').title,
  version: require('mcp-drawbridge/package.json').version,
}));
`;

const TSCONFIG = {
  compilerOptions: {
    module: 'NodeNext',
    target: 'ES2022',
    strict: true,
    skipLibCheck: false,
    exactOptionalPropertyTypes: true,
    types: ['node'],
    noEmit: true,
  },
  include: ['src'],
};

const CONSUMER = `
import { createServer } from 'node:http';
import express from 'express';
import { MemoryStore } from 'express-rate-limit';
import { createBridge, createGateway, DrawbridgeError, type Gateway, type GatewayOptions, type Logger } from 'mcp-drawbridge';
import { type Bridge, type BridgeOptions, createBridge as createBridgeAlone } from 'mcp-drawbridge/bridge';
import { createGateway as createGatewayAlone, type RateLimitStore } from 'mcp-drawbridge/gateway';

const createStore = (): RateLimitStore => new MemoryStore();
const logger: Logger = { error: console.error, warn: console.warn, info: console.info, debug: console.debug };
const options: GatewayOptions = { upstream: new URL('http://127.0.0.1:8000/sse'), keyFile: 'keys.json', createStore, logger };
const gateway: Gateway = createGateway(options);
const app = express();
app.use('/db', gateway.router);
app.use(createGatewayAlone({ upstream: 'http://127.0.0.1:8000/sse', auth: 'none' }).router);
createServer(gateway.handler).on('close', () => gateway.close());

const bridgeOptions: BridgeOptions = { url: 'http://127.0.0.1:8000/sse', input: process.stdin, output: process.stdout };
const bridge: Bridge = createBridge(bridgeOptions);
const ended: DrawbridgeError | undefined = await createBridgeAlone(bridgeOptions).done;
if (ended?.code === 'upstream_lost') await bridge.close(ended);

createGatewayAlone({ command: ['postgres-mcp'], upstreams: { crm: { upstream: 'http://127.0.0.1:8001/mcp' } }, auth: 'none' });
// @ts-expect-error there is one upstream, or a list of replicas
createGateway({ upstream: { a: 'http://127.0.0.1:8000/sse' }, auth: 'none' });
// @ts-expect-error no such option
createGateway({ upstream: 'http://127.0.0.1:8000/sse', auth: 'none', alowedHosts: [] });
// @ts-expect-error no such reason
if (ended?.code === 'upstream_lots') await bridge.close(ended);
`;
