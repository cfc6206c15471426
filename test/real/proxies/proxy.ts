/** A reverse proxy that runs its file of docs/deploy/proxies on free ports of 127.0.0.1. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { until } from '../../parts/deadline.ts';
import { cleanEnvironment, run, type ServerProcess, startServer } from '../child-process.mjs';
import { ensureInstalled } from '../debian.mjs';
import { findFreePorts } from '../free-port.mjs';
import { type Replacement, readShipped, replaceAll } from './shipped-file.ts';

/** Where one proxy runs: what an operator's machine has at the places that the file names. */
export interface Site {
  readonly folder: string;
  readonly httpsPort: number;
  readonly httpPort: number;
  readonly gatewayPort: number;
  /** PEM files of the certificate for db.example.com. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** Traefik's build alone may take most of it; a hook that installs a proxy gets this long. */
export const INSTALL_MS = 35 * 60_000;

/** What differs from one proxy to another. */
export interface ProxyKind {
  /** The file in docs/deploy/proxies; it is copied under this name into the site's folder. */
  readonly file: string;
  /** Resolves to the program, installed where need be. */
  install(): Promise<string>;
  /** What must be other than shipped: ports, certificate paths, folders. Nothing else may be. */
  replacements(site: Site): readonly Replacement[];
  /** Files that the program has besides on an operator's machine, by their name in the folder. */
  surroundings?(site: Site): Readonly<Record<string, string>>;
  /** Arguments that run it in the foreground; `file` is the copy. */
  args(site: Site, file: string): readonly string[];
  /** Arguments for the program's own check of the file; a program without one says what is wrong when it starts. */
  checkArgs?(site: Site, file: string): readonly string[];
  /** What in its log says that a file is wrong, for a program that starts all the same. */
  readonly complaint?: RegExp;
  environment?(site: Site): Readonly<Record<string, string>>;
  /**
   * Finds the durations in the file after which a connection ends on which nothing is said: groups `name` and `value`.
   * Each must be longer than the gateway's heartbeat; the test of idle streams divides them.
   */
  readonly idleTimeouts: RegExp;
  /** Whether it reads milliseconds, or whole seconds alone. Default milliseconds. */
  readonly idleTimeoutUnit?: 'ms' | 's';
  /** Other settings that have to do with time, which do not end a stream. */
  readonly otherTimeouts: readonly string[];
  /** What a client is answered while the gateway is down; default 502. */
  readonly downStatus?: number;
  /** Whether its file offers HTTP/2 to clients. Default true. */
  readonly offersHttp2?: boolean;
  /** Whether it orders its certificate itself, and so does not start with the site's. Default false. */
  readonly ordersCertificate?: boolean;
  /** How long it may take to notice that a client has gone, in milliseconds; default 3000. */
  readonly noticesGoneMs?: number;
}

export interface RunningProxy {
  /** https://db.example.com:PORT, which leads to 127.0.0.1 for clients that are told so. */
  readonly origin: string;
  readonly httpPort: number;
  log(): string;
  stop(): Promise<void>;
}

export interface ProxyOptions {
  readonly gatewayPort: number;
  readonly certFile: string;
  readonly keyFile: string;
  /** As of a proxy that ran before. */
  readonly ports?: Pick<Site, 'httpsPort' | 'httpPort'>;
  /** Changes the file further, for what is tested; default: not. */
  readonly edit?: (text: string) => string;
  /** Another file in place of the shipped one. */
  readonly text?: (site: Site) => string;
}

/** The program from Debian. */
export function installFromDebian(path: string, packageName: string): Promise<string> {
  return ensureInstalled({
    find: async () => (existsSync(path) ? path : undefined),
    missing: `${path} was not found`,
    packages: [packageName],
  });
}

export async function findSitePorts(): Promise<Pick<Site, 'httpsPort' | 'httpPort'>> {
  const [httpsPort, httpPort] = await findFreePorts(2);
  return { httpsPort: httpsPort!, httpPort: httpPort! };
}

/** Lays out a site, hands it to `use`, and removes it where that fails. */
async function withSite<T>(kind: ProxyKind, options: ProxyOptions, use: (site: Site, file: string) => Promise<T>) {
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-proxy-'));
  const { gatewayPort, certFile, keyFile, edit = (text) => text } = options;
  const { httpsPort, httpPort } = options.ports ?? (await findSitePorts());
  const site: Site = { folder, httpsPort, httpPort, gatewayPort, certFile, keyFile };
  const file = join(folder, kind.file);
  try {
    const text = options.text?.(site) ?? replaceAll(readShipped(kind.file), kind.replacements(site));
    const files = { ...kind.surroundings?.(site), [kind.file]: edit(text) };
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
    return await use(site, file);
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Starts it and waits until it listens. */
export async function startProxy(kind: ProxyKind, options: ProxyOptions): Promise<RunningProxy> {
  const command = await kind.install();
  return await withSite(kind, options, async (site, file) => {
    const server: ServerProcess = await startServer(command, kind.args(site, file), {
      label: kind.file,
      env: cleanEnvironment(kind.environment?.(site)),
      cwd: site.folder,
      readyPort: site.httpsPort,
      deadlineMs: 20_000,
    });
    // Traefik listens before it has read its certificates, and shows one of its own meanwhile.
    if (kind.ordersCertificate !== true) await until('it shows its certificate', () => showsCertificate(site), 10_000);
    return {
      origin: `https://db.example.com:${site.httpsPort}`,
      httpPort: site.httpPort,
      log: server.log,
      stop: async () => {
        await server.stop();
        await rm(site.folder, { recursive: true, force: true });
      },
    };
  });
}

async function showsCertificate({ httpsPort, certFile }: Site): Promise<boolean> {
  const socket = connect({
    host: '127.0.0.1',
    port: httpsPort,
    servername: 'db.example.com',
    rejectUnauthorized: false,
  });
  try {
    await once(socket, 'secureConnect');
    return (
      socket.getPeerX509Certificate()?.fingerprint256 === new X509Certificate(readFileSync(certFile)).fingerprint256
    );
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Runs the program's own check of the file; rejects with what it says where the file is wrong. */
export async function checkFile(kind: ProxyKind, options: ProxyOptions): Promise<string> {
  const { checkArgs, complaint = /^$/ } = kind;
  if (checkArgs === undefined) {
    const proxy = await startProxy(kind, options);
    const said = proxy.log();
    await proxy.stop();
    if (complaint.test(said)) throw new Error(`${kind.file}: no exit code, but it says: ${said}`);
    return said;
  }
  const command = await kind.install();
  return await withSite(kind, options, async (site, file) => {
    const env = cleanEnvironment(kind.environment?.(site));
    const said = await run(command, checkArgs(site, file), {
      label: `check of ${kind.file}`,
      env,
      cwd: site.folder,
    });
    await rm(site.folder, { recursive: true, force: true });
    return said;
  });
}
