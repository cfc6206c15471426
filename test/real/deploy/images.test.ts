/** The steps of both Dockerfiles, run in plain folders, and what they make as compose.yaml joins it. */
import { chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { until, within } from '../../parts/deadline.ts';
import { connectTo } from '../../parts/mcp-client.ts';
import { ROOT } from '../../parts/package.ts';
import { cleanEnvironment, run } from '../child-process.mjs';
import { findFreePorts } from '../free-port.mjs';
import { type Postgres, startPostgres } from '../postgres.mjs';
import { findPython } from '../python.mjs';
import { buildImage, type Image, removeFolder, sizeOf } from './image.ts';
import { ensureSandbox, runInside, startInside, USER } from './sandbox.ts';

const DOCKER = join(ROOT, 'docs/deploy/docker');
const PASSWORD = "it's 'quoted' %2F\\ and long";

interface Compose {
  services: Record<string, { environment: Record<string, string> }>;
}
const { services } = parse(readFileSync(join(DOCKER, 'compose.yaml'), 'utf8'), { merge: true }) as Compose;

let folder: string;
let postgres: Postgres;
let gatewayImage: Image;
let postgresMcpImage: Image;
/** Where the interpreter of the base image would be. */
let pythonFolders: Record<string, string>;
let pythonEnv: Record<string, string>;

/** The process that the sandbox started, behind those of the sandbox itself. */
function innermostOf(pid: number): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return child === undefined || child === '' ? pid : innermostOf(Number(child));
}

/** What reaches the registries from here: proxies, certificates and mirrors, as the machine has them. */
function registryEnvironment(): Record<string, string> {
  const named = Object.entries(cleanEnvironment()).filter(([name]) =>
    /^(npm_config_|PIP_|UV_|SSL_|NODE_EXTRA_|https?_proxy|no_proxy)/i.test(name),
  );
  return Object.fromEntries(named.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

beforeAll(async () => {
  await ensureSandbox();
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-images-'));
  const cache = join(ROOT, '.cache/real/npm');
  for (const path of [folder, cache, join(folder, 'home')]) {
    mkdirSync(path, { recursive: true });
    chownSync(path, USER, USER);
  }
  postgres = await startPostgres();
  const python = dirname(dirname((await findPython()).command));
  pythonFolders = { '/usr/local': python };
  pythonEnv = { LD_LIBRARY_PATH: '/usr/local/lib' };
  const writable = { '/home': join(folder, 'home'), '/tmp': join(folder, 'home'), '/npm': cache };
  const env = { ...registryEnvironment(), HOME: '/home', npm_config_cache: '/npm', npm_config_prefer_offline: 'true' };
  mkdirSync(join(folder, 'gateway'));
  gatewayImage = await buildImage({
    dockerfile: join(DOCKER, 'Dockerfile'),
    context: ROOT,
    folder: join(folder, 'gateway'),
    base: { writable, env },
  });
  mkdirSync(join(folder, 'postgres-mcp'));
  postgresMcpImage = await buildImage({
    dockerfile: join(DOCKER, 'postgres-mcp.Dockerfile'),
    context: DOCKER,
    folder: join(folder, 'postgres-mcp'),
    base: { writable, readable: pythonFolders, env: { ...env, ...pythonEnv } },
  });
}, 600_000);

afterAll(async () => {
  await postgres?.stop();
  removeFolder(folder);
});

/** As compose.yaml has it: the root and the keys cannot be written. */
const insideGateway = (env: Record<string, string>) => ({
  readable: gatewayImage.folders,
  env: { ...gatewayImage.stage.env, ...env },
});

describe('the image of the gateway', () => {
  it('is the package and nothing else, for a user that is not root', () => {
    expect(gatewayImage.stage.user).toBe('65532:65532');
    expect(sizeOf(gatewayImage.folders['/opt']!)).toBeLessThan(5_000_000);
    console.log(`gateway: ${(sizeOf(gatewayImage.folders['/opt']!) / 1e6).toFixed(1)} MB`);
  });

  it('copies nothing that its .dockerignore leaves out', () => {
    const ignore = readFileSync(join(DOCKER, 'Dockerfile.dockerignore'), 'utf8').split('\n');
    expect(ignore).toContain('*');
    const kept = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const text = readFileSync(join(DOCKER, 'Dockerfile'), 'utf8');
    const copied = [...text.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources]) => sources!.split(' '));
    expect(kept.sort()).toEqual(copied.sort());
  });

  it('does not start without credentials', async () => {
    const { entrypoint, command } = gatewayImage.stage;
    const start = runInside(
      [...entrypoint, ...command],
      insideGateway({ DRAWBRIDGE_UPSTREAM: 'http://127.0.0.1:9/sse' }),
      'the gateway without keys',
    );
    await expect(start).rejects.toThrow('/keys/keys.json');
  });
});

describe('the image of postgres-mcp', () => {
  it('has no installer in it, and a user that is not root', () => {
    expect(postgresMcpImage.stage.user).toBe('65532:65532');
    console.log(`postgres-mcp: ${(sizeOf(postgresMcpImage.folders['/opt']!) / 1e6).toFixed(1)} MB`);
    expect(sizeOf(postgresMcpImage.folders['/opt']!)).toBeLessThan(200_000_000);
  });
});

describe('both, as compose.yaml joins them', () => {
  let secret: string;

  it('the role for postgres-mcp reads every table and writes none, with whatever password', async () => {
    secret = join(folder, 'reader');
    writeFileSync(secret, `${PASSWORD}\n`, { mode: 0o644 });
    const superuser = readFileSync(join(postgres.folder, 'password'), 'utf8');
    await run('sh', [join(DOCKER, 'init-reader.sh')], {
      label: 'init-reader.sh',
      env: cleanEnvironment({
        PGHOST: '127.0.0.1',
        PGPORT: String(postgres.port),
        PGPASSWORD: superuser,
        POSTGRES_USER: 'postgres',
        POSTGRES_DB: 'kwild',
        READER_PASSWORD_FILE: secret,
      }),
    });
    const asReader = (sql: string): Promise<string> =>
      run(
        'psql',
        [
          '-X',
          '-A',
          '-t',
          '-h',
          '127.0.0.1',
          '-p',
          String(postgres.port),
          '-U',
          'mcp_reader',
          '-d',
          'kwild',
          '-c',
          sql,
        ],
        {
          label: sql,
          env: cleanEnvironment({ PGPASSWORD: PASSWORD }),
        },
      );
    expect((await asReader('select count(*) from main.primitive_events')).trim()).toBe('1000');
    await expect(asReader('begin read write; delete from main.streams')).rejects.toThrow('permission denied');
    await expect(asReader('begin read write; create table main.mine (a int)')).rejects.toThrow('permission denied');
  });

  it('a key made in the volume lets a client in, and the health check tells when the server is gone', async () => {
    const [upstreamPort, port] = await findFreePorts(2);
    const database = services['postgres-mcp']!.environment['DATABASE_URI']!.replace(
      'postgres:5432/app',
      `127.0.0.1:${postgres.port}/kwild`,
    );
    const { stage, folders } = postgresMcpImage;
    const args = stage.command.map((arg) => arg.replace('=0.0.0.0', '=127.0.0.1').replace('=8000', `=${upstreamPort}`));
    const server = await startInside(
      [...stage.entrypoint, ...args],
      {
        readable: { ...pythonFolders, ...folders, '/run/secrets/reader': secret },
        env: { ...stage.env, ...pythonEnv, DATABASE_URI: database, PGPASSWORD_FILE: '/run/secrets/reader' },
      },
      'the image of postgres-mcp',
      'Uvicorn running on',
    );
    const { entrypoint, command, healthcheck, env } = gatewayImage.stage;
    const added = await runInside(
      [...entrypoint, 'keys', 'add', 'alice', '--key-file', env['DRAWBRIDGE_KEY_FILE']!],
      { ...insideGateway({}), writable: { '/keys': gatewayImage.folders['/keys']! } },
      'keys add alice',
    );
    const key = added.trim();
    const variables = { DRAWBRIDGE_UPSTREAM: `http://127.0.0.1:${upstreamPort}/sse`, DRAWBRIDGE_PORT: String(port) };
    const gateway = await startInside(
      [...entrypoint, ...command],
      insideGateway(variables),
      'the image of the gateway',
      'listening on',
    );
    const checkHealth = () =>
      runInside(
        healthcheck.map((word) => word.replace(':8080/', `:${port}/`)),
        insideGateway({}),
        'HEALTHCHECK',
      );
    try {
      for (const kind of ['sse', 'http'] as const) {
        const client = await connectTo(kind, `http://127.0.0.1:${port}`, { Authorization: `Bearer ${key}` });
        expect(await client.callText('execute_sql', { sql: 'select count(*) from main.primitive_events' })).toContain(
          '1000',
        );
        await client.close();
      }
      await checkHealth();
      await server.stop();
      await until(
        'the health check fails',
        async () => {
          const verdict = await checkHealth().catch((error: unknown) => String(error));
          return verdict.includes('exit code 3');
        },
        30_000,
      );
      // As an engine does it: to the process itself. It drains, and says 0.
      process.kill(innermostOf(gateway.pid), 'SIGTERM');
      expect(await within(10_000, 'the gateway ends', gateway.exited)).toBe('');
    } finally {
      await server.stop();
      await gateway.stop();
    }
  });
});
