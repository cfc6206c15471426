/** A private PostgreSQL cluster for the suites against real servers: own folder, own port, gone after `stop()`. */
import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, chown, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cleanEnvironment, run, startServer } from './child-process.mjs';
import { ensureInstalled } from './debian.mjs';
import { onFreePort } from './free-port.mjs';
import { guardFolder } from './guard.mjs';

const VERSIONS = '/usr/lib/postgresql';
const PROGRAMS = ['initdb', 'postgres', 'psql'];
const REMOVAL = { recursive: true, force: true, maxRetries: 20, retryDelay: 50 };
/** initdb and a server that is not asked for durability: a crash may lose what is thrown away anyway. */
const INITDB = ['--username=postgres', '--auth=scram-sha-256', '--encoding=UTF8', '--no-locale', '--no-sync'];
const SETTINGS = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'synchronous_commit=off'];

/** What the database of TRUF.NETWORK looks like; the first value is lost by whoever makes it a JavaScript number. */
const SAMPLE = `
  CREATE SCHEMA main;
  CREATE TABLE main.streams (stream text PRIMARY KEY, title text NOT NULL);
  INSERT INTO main.streams SELECT 'st' || n, 'Sample stream ' || n FROM generate_series(0, 9) n;
  CREATE TABLE main.primitive_events (
    stream text NOT NULL REFERENCES main.streams, at int NOT NULL, value numeric(36,18) NOT NULL,
    PRIMARY KEY (stream, at)
  );
  INSERT INTO main.primitive_events SELECT 'st' || n % 10, 1700000000 + n * 3600,
    CASE n WHEN 0 THEN 12345678901234567.123456789012345678 ELSE n * 1.000000000000000001 END
    FROM generate_series(0, 999) n;
  ANALYZE main.streams, main.primitive_events;`;

/** @returns {Promise<string | undefined>} the newest version's folder that has every program we need */
async function findBinaries() {
  const versions = await readdir(VERSIONS).catch(() => []);
  for (const version of versions.sort((a, b) => Number(b) - Number(a))) {
    const bin = join(VERSIONS, version, 'bin');
    const found = await Promise.allSettled(PROGRAMS.map((program) => access(join(bin, program), constants.X_OK)));
    if (found.every(({ status }) => status === 'fulfilled')) return bin;
  }
  return undefined;
}

/** @param {((text: string) => void) | undefined} log */
function ensureBinaries(log) {
  const missing = `PostgreSQL's ${PROGRAMS.join(', ')} were looked for in ${VERSIONS}/*/bin and not found`;
  return ensureInstalled({ find: findBinaries, missing, packages: ['postgresql'], log });
}

/** PostgreSQL refuses to run as root. */
async function findIdentity() {
  if (process.getuid?.() !== 0) return {};
  const ids = ['-u', '-g'].map((flag) =>
    run('id', [flag, 'postgres'], { label: 'the user `postgres`, as root cannot run it' }),
  );
  const [uid, gid] = (await Promise.all(ids)).map(Number);
  return { uid, gid };
}

/**
 * Starts a private cluster with the database `kwild`, owned by the user `kwild`, filled with sample data.
 * @param {{ dir?: string, log?: (text: string) => void }} [options] dir: where its folder is made (default: the
 *   system's temporary folder); log: is given everything that is printed
 */
export async function startPostgres({ dir = tmpdir(), log } = {}) {
  const bin = await ensureBinaries(log);
  const identity = await findIdentity();
  const folder = await mkdtemp(join(dir, 'drawbridge-postgres-'));
  const release = guardFolder(folder);
  const remove = async () => {
    await rm(folder, REMOVAL);
    release();
  };
  const common = { ...identity, log, cwd: folder, env: cleanEnvironment() };
  const password = randomUUID();

  /** @type {Awaited<ReturnType<typeof startServer>> | undefined} */
  let server;
  try {
    const data = join(folder, 'data');
    const passwordFile = join(folder, 'password');
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (identity.uid !== undefined && identity.gid !== undefined) {
      for (const path of [folder, passwordFile]) await chown(path, identity.uid, identity.gid);
    }
    await run(join(bin, 'initdb'), [...INITDB, `--pwfile=${passwordFile}`, data], { ...common, label: 'initdb' });
    const settings = SETTINGS.flatMap((setting) => ['-c', setting]);
    const [port, started] = await onFreePort(async (port) => {
      const args = ['-D', data, '-p', String(port), ...settings];
      const readyText = 'database system is ready to accept connections';
      // Fast, then immediate shutdown. Never SIGKILL when we are gone: it would leave its shared memory behind.
      /** @type {{ stopSignals: NodeJS.Signals[], exitSignal: NodeJS.Signals }} */
      const signals = { stopSignals: ['SIGINT', 'SIGQUIT'], exitSignal: 'SIGQUIT' };
      const options = { ...common, ...signals, label: 'PostgreSQL', readyText };
      return [port, await startServer(join(bin, 'postgres'), args, options)];
    });
    server = started;

    /** @param {string} user @param {string} database @param {string} PGPASSWORD @param {string} sql */
    const query = async (user, database, PGPASSWORD, sql) => {
      const flags = ['-X', '-A', '-t', '-q', '-w', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', String(port)];
      const options = { cwd: folder, env: cleanEnvironment({ PGPASSWORD }), label: 'psql', deadlineMs: 30_000 };
      return (await run(join(bin, 'psql'), [...flags, '-U', user, '-d', database, '-c', sql], options)).trimEnd();
    };
    await query('postgres', 'postgres', password, "CREATE ROLE kwild LOGIN PASSWORD 'kwild'");
    await query('postgres', 'postgres', password, 'CREATE DATABASE kwild OWNER kwild');
    /** @param {string} sql */
    const psql = (sql) => query('kwild', 'kwild', 'kwild', sql);
    await psql(SAMPLE);

    const stop = async () => {
      await started.stop();
      await remove();
    };
    const uri = `postgresql://kwild:kwild@127.0.0.1:${port}/kwild`;
    return {
      host: '127.0.0.1',
      port,
      uri,
      pid: started.pid,
      folder,
      exited: started.exited,
      log: started.log,
      psql,
      stop,
    };
  } catch (error) {
    await server?.stop();
    await remove();
    throw error;
  }
}
