import { createServer, isIPv6 } from 'node:net';
import { DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Family } from '../dial/dial-route.ts';
import { isLoopback } from '../dial/loopback.ts';
import type { NearEnd } from '../dial/near-end.ts';
import { parseSshDestination, type SshDestination, sshCommandLine, sshName } from './ssh-destination.ts';
import { nameRefusedChannel } from './ssh-failure.ts';
import { SshRun } from './ssh-run.ts';

export interface SshTunnelOptions {
  /** `user@host`, `user@host:port`, an IPv6 address in brackets, or a `Host` of the SSH configuration. */
  readonly destination: string;
  /** A private key file; default: what ssh itself tries. */
  readonly keyFile?: string;
  /** The MCP server as the SSH server sees it; `localhost` is that machine. */
  readonly target: { readonly host: string; readonly port: number };
  /** A loopback name of the target is 127.0.0.1, for `6` it is ::1. Default `4`. */
  readonly family?: Family;
  readonly logger: Logger;
  /** Default `ssh`. */
  readonly command?: string;
  /** How long the tunnel may take to open. Default 20000. */
  readonly openTimeoutMs?: number;
}

const DEFAULT_OPEN_TIMEOUT_MS = 20_000;
/** Another program may take the port that was chosen before ssh does. */
const PORT_ATTEMPTS = 3;
/** How long a failed connection waits for the tunnel to say why; ssh writes its reason before it closes anything. */
const REASON_MS = 50;
/** A refusal explains connections that end this soon after it. */
const REFUSAL_MS = 1000;

interface Refusal {
  readonly error: DrawbridgeError;
  readonly at: number;
}

/**
 * A tunnel to the MCP server by the system's ssh, which is started when its address is asked for, and anew after it
 * has ended. Throws `config` for a destination, key file or target that cannot be meant.
 */
export class SshTunnel {
  readonly #destination: SshDestination;
  readonly #options: SshTunnelOptions;
  /** As the SSH server dials it, an IPv6 address in brackets. */
  readonly #target: string;
  #opening: Promise<OpenTunnel> | undefined;
  #run: SshRun | undefined;
  #refusal: Refusal | undefined;
  #isClosed = false;

  constructor(options: SshTunnelOptions) {
    this.#destination = parseSshDestination(options.destination);
    this.#options = options;
    this.#target = forwardTarget(options.target, options.family ?? '4');
    if (options.keyFile !== undefined && (options.keyFile === '' || /[\u0000-\u001f\u007f]/.test(options.keyFile))) {
      throw new DrawbridgeError('config', 'the SSH key file cannot be used', {
        why: options.keyFile === '' ? 'its name is empty' : 'there is a control character in its name',
        hint: 'Name the file of a private key, such as C:\\Users\\me\\.ssh\\id_ed25519 or ~/.ssh/id_ed25519.',
      });
    }
  }

  /**
   * Where the tunnel begins on this machine; settles when ssh listens there. Rejects when ssh ended before (with the
   * reason, of which `upstream_refused`, `upstream_untrusted` and `config` do not pass by waiting) or took too long
   * (`upstream_unreachable`); the next call tries again.
   */
  async address(): Promise<NearEnd> {
    if (this.#isClosed) throw this.#closedError();
    const askedAt = performance.now();
    this.#opening ??= this.#open();
    const opening = this.#opening;
    try {
      const { run, port } = await opening;
      return { host: '127.0.0.1', port, explain: (error) => this.#explain(run, askedAt, error) };
    } catch (thrown) {
      if (this.#opening === opening) this.#opening = undefined;
      throw toDrawbridgeError(thrown, 'upstream_unreachable');
    }
  }

  /** Ends ssh: SIGTERM, after a second SIGKILL. Settles when it is gone; never rejects. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const opening = this.#opening;
    await this.#run?.end();
    await opening?.catch(() => {});
    await this.#run?.end();
  }

  async #open(): Promise<OpenTunnel> {
    const timeoutMs = this.#options.openTimeoutMs ?? DEFAULT_OPEN_TIMEOUT_MS;
    const deadline = performance.now() + timeoutMs;
    for (let attempt = 1; ; attempt++) {
      const port = await freePort();
      const run = await this.#start(port);
      const failure = await this.#upWithin(run, deadline - performance.now());
      if (this.#isClosed) throw this.#closedError();
      if (failure === undefined) {
        this.#watch(run);
        return { run, port };
      }
      const isPortTaken = run.hasSaid(new RegExp(`(cannot listen to port: |bind \\[?127\\.0\\.0\\.1\\]?:)${port}\\b`));
      if (!isPortTaken || attempt === PORT_ATTEMPTS) throw failure;
    }
  }

  async #start(port: number): Promise<SshRun> {
    this.#options.logger.debug(`starting ${sshCommandLine(this.#destination)}`);
    this.#run = await SshRun.start({
      command: this.#options.command ?? 'ssh',
      args: this.#args(port),
      destination: this.#destination,
      logger: this.#options.logger,
      onLine: (line) => {
        const error = nameRefusedChannel(this.#destination, this.#target, line);
        if (error !== undefined) this.#refusal = { error, at: performance.now() };
      },
    });
    if (this.#isClosed) await this.#run.end();
    return this.#run;
  }

  /**
   * Only what OpenSSH 8 has, also that of Windows. `-L` takes no port 0. What the user's configuration may say is kept
   * but for what would break the tunnel: a shared connection (ControlPath), which is not ours to end; forwardings
   * cleared; a log without the line that says that the tunnel is up.
   */
  #args(port: number): string[] {
    const { keyFile } = this.#options;
    const settings = [
      'ExitOnForwardFailure=yes',
      'ClearAllForwardings=no',
      'BatchMode=yes',
      'ConnectTimeout=10',
      'ServerAliveInterval=15',
      'ServerAliveCountMax=3',
      'ControlPath=none',
      'LogLevel=DEBUG1',
    ];
    return [
      '-N',
      '-L',
      `127.0.0.1:${port}:${this.#target}`,
      ...settings.flatMap((setting) => ['-o', setting]),
      ...(this.#destination.port === undefined ? [] : ['-p', String(this.#destination.port)]),
      ...(keyFile === undefined ? [] : ['-i', keyFile, '-o', 'IdentitiesOnly=yes']),
      '--',
      sshName(this.#destination),
    ];
  }

  async #upWithin(run: SshRun, ms: number): Promise<DrawbridgeError | undefined> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      run.end();
    }, ms);
    const failure = await run.up;
    clearTimeout(timer);
    if (failure === undefined || !isLate) return failure;
    const where = sshName(this.#destination);
    const seconds = (this.#options.openTimeoutMs ?? DEFAULT_OPEN_TIMEOUT_MS) / 1000;
    return new DrawbridgeError('upstream_unreachable', `no SSH tunnel to ${where} within ${seconds} s`, {
      ...(run.lastWord === undefined ? {} : { why: run.lastWord }),
      hint: `Does it work in a terminal? ${sshCommandLine(this.#destination)}`,
    });
  }

  #watch(run: SshRun): void {
    const where = sshName(this.#destination);
    this.#options.logger.info(`the SSH tunnel to ${where} is open`);
    run.ended.then((error) => {
      this.#opening = undefined;
      if (!this.#isClosed) this.#options.logger.warn(`${error.sentence}; it is started again with the next connection`);
    });
  }

  /** Why a connection through the tunnel failed. Whether its request may have run is not ours to say. */
  async #explain(run: SshRun, askedAt: number, error: DrawbridgeError): Promise<DrawbridgeError> {
    if (this.#isClosed || !['upstream_lost', 'upstream_unreachable'].includes(error.code)) return error;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((fulfil) => {
      timer = setTimeout(fulfil, REASON_MS);
    });
    await Promise.race([run.ended, late]);
    clearTimeout(timer);
    const refusal = this.#refusal;
    const oldest = Math.max(askedAt, performance.now() - REFUSAL_MS);
    const reason = run.failure ?? (refusal !== undefined && refusal.at >= oldest ? refusal.error : undefined);
    if (reason === undefined || this.#isClosed) return error;
    return new DrawbridgeError(reason.code, reason.message, {
      ...(reason.why === undefined ? {} : { why: reason.why }),
      hint: reason.hint,
      mayHaveRun: error.mayHaveRun,
      cause: error,
    });
  }

  #closedError(): DrawbridgeError {
    return new DrawbridgeError('upstream_lost', `the SSH tunnel to ${sshName(this.#destination)} is closed`);
  }
}

interface OpenTunnel {
  readonly run: SshRun;
  readonly port: number;
}

/** A name that only has letters, digits, dots, dashes and underscores, or an address. */
function forwardTarget({ host, port }: SshTunnelOptions['target'], family: Family): string {
  const bare = host.replace(/^\[|\]$/g, '');
  // Resolved here: the SSH server's own localhost may be ::1 first, where most MCP servers do not listen.
  const isName = isLoopback(bare) && /localhost$/i.test(bare);
  const address = isName ? (family === '6' ? '::1' : '127.0.0.1') : bare;
  if (!isIPv6(address) && !/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(address)) {
    throw new DrawbridgeError('config', `no SSH tunnel can be made to ${JSON.stringify(host.slice(0, 80))}`, {
      why: 'it is neither a plain host name nor an address',
      hint: 'Correct the URL of the MCP server.',
    });
  }
  return `${isIPv6(address) ? `[${address}]` : address}:${port}`;
}

/** A port of 127.0.0.1 that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((fulfil, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => fulfil(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
