/** Tunnels by the system's ssh and a real sshd to a server that listens on 127.0.0.1 alone. */
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { createLineLogger, type Logger } from '../../src/log.ts';
import { HttpClient } from '../../src/upstream/http/http-client.ts';
import { SshTunnel, type SshTunnelOptions } from '../../src/upstream/ssh/ssh-tunnel.ts';
import { httpClientOptions } from '../../src/upstream/upstream-options.ts';
import { until } from '../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../parts/mcp-server.ts';
import { ResponseRecorder } from '../parts/response-recorder.ts';
import { type SshClient, type Sshd, startSshd } from './sshd.mjs';

interface TunnelStage {
  /** One for all tests of the file. */
  readonly sshd: Sshd;
  readonly ssh: SshClient;
  /** One for each test. */
  readonly server: TestMcpServer;
  /** Of the test that runs. */
  readonly log: readonly string[];
  readonly logger: Logger;
  /** To be closed after the test; what was kept last is closed first. */
  keep<T extends { close(): unknown }>(one: T): T;
  /** It is kept. */
  createTunnel(options?: Partial<SshTunnelOptions>): SshTunnel;
  /** It is kept. */
  createClient(tunnel: SshTunnel, url: URL): HttpClient;
  /** Asks for a page that the server does not have, over a connection of its own. */
  askThrough(tunnel: SshTunnel, port?: number): Promise<ResponseRecorder>;
}

/** Sets it up for the file that calls this, and takes it down. */
export function stageTunnels(): TunnelStage {
  const log: string[] = [];
  const logger = createLineLogger({ level: 'debug', write: (line) => log.push(line) });
  const open: { close(): unknown }[] = [];
  let sshd: Sshd;
  let ssh: SshClient;
  let server: TestMcpServer;

  beforeAll(async () => {
    sshd = await startSshd();
    ssh = await sshd.makeClient();
  });
  afterAll(() => sshd.stop());
  beforeEach(async () => {
    log.length = 0;
    server = await startMcpServer();
  });
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.close();
    await server.kill();
  });

  const keep: TunnelStage['keep'] = (one) => {
    open.push(one);
    return one;
  };
  const createClient: TunnelStage['createClient'] = (tunnel, url) =>
    keep(new HttpClient(httpClientOptions({ url, logger, dialTo: () => tunnel.address() })));

  return {
    get sshd() {
      return sshd;
    },
    get ssh() {
      return ssh;
    },
    get server() {
      return server;
    },
    log,
    logger,
    keep,
    createTunnel: (options = {}) => {
      const { destination, keyFile } = sshd;
      const target = { host: 'localhost', port: server.port };
      return keep(new SshTunnel({ destination, keyFile, target, logger, command: ssh.command, ...options }));
    },
    createClient,
    askThrough: async (tunnel, port = server.port) => {
      const url = new URL(`http://localhost:${port}/nothing`);
      const sink = new ResponseRecorder();
      createClient(tunnel, url).request({ method: 'GET', path: url.pathname, headers: '', timeoutMs: 10_000 }, sink);
      await until('the answer or its failure', () => sink.told.some((what) => what !== 'head'), 12_000);
      return sink;
    },
  };
}
