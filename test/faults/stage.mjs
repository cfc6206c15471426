import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bridge } from './bridge.mjs';
import { startUpstream } from './upstream/upstream.mjs';
import { startUpstreamProcess } from './upstream/upstream-process.mjs';

/**
 * @typedef {object} Scenario
 * @property {string} name a sentence of what must be true
 * @property {readonly ('sse' | 'http')[]} transports
 * @property {(stage: Stage) => Promise<void>} run throws with what was seen where it is not
 */

/** What a scenario has at its hand. Whatever it starts ends with it. */
class Stage {
  #command;
  #ends = [];
  #bridges = [];
  #upstreams = [];

  /**
   * @param {{ command: readonly string[], kind: 'sse' | 'http', isFull?: boolean }} options command: of the bridge, with
   *   `{url}` where the URL belongs; isFull: with outages as long as the contract names them, not shortened
   */
  constructor({ command, kind, isFull = false }) {
    this.#command = command;
    this.kind = kind;
    this.isFull = isFull;
    this.folder = mkdtempSync(join(tmpdir(), 'drawbridge-faults-'));
  }

  /** @param {Omit<import('./upstream/upstream.mjs').UpstreamOptions, 'kind'>} [options] */
  async startUpstream(options = {}) {
    const upstream = await startUpstream({ kind: this.kind, ...options });
    this.#ends.push(() => upstream.kill());
    this.#upstreams.push(upstream);
    return upstream;
  }

  /** The same server as a process of its own, which can be stopped. */
  async startUpstreamProcess(options = {}) {
    const upstream = await startUpstreamProcess({ kind: this.kind, ...options });
    this.#ends.push(() => upstream.stop());
    return upstream;
  }

  /**
   * Starts the bridge under test. The environment shortens the waits of a bridge that knows these names.
   * @param {{ url: string }} upstream
   * @param {Record<string, string>} [env]
   */
  startBridge({ url }, env = {}) {
    return this.#start(this.#commandFor(url), env);
  }

  /**
   * Starts the bridge as a child of a shell, with a stdin that says this line and stays open whatever becomes of the
   * shell; that is the process signalled.
   */
  startBehindShell({ url }, line) {
    const script = '{ printf "%s\\n" "$0"; exec sleep 60; } | "$@"';
    return this.#start(['sh', '-c', script, line, ...this.#commandFor(url)], {});
  }

  #commandFor(url) {
    return this.#command.map((part) => part.replaceAll('{url}', url));
  }

  #start(command, env) {
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('DRAWBRIDGE_'));
    const bridge = new Bridge(command, { ...Object.fromEntries(kept), MCP_REMOTE_CONFIG_DIR: this.folder, ...env });
    this.#ends.push(() => bridge.kill());
    this.#bridges.push(bridge);
    return bridge;
  }

  /** Starts the bridge and takes it through the handshake. */
  async connect(upstream, env = {}) {
    const bridge = this.startBridge(upstream, env);
    await bridge.handshake();
    return bridge;
  }

  /** What holds in every scenario, whatever is staged. */
  check() {
    for (const bridge of this.#bridges) bridge.check();
    for (const { violations } of this.#upstreams) {
      if (violations.length > 0)
        throw new Error(`the server received out of order: ${violations.slice(0, 5).join('; ')}`);
    }
  }

  async clear() {
    for (const end of this.#ends.reverse()) await Promise.resolve(end()).catch(() => {});
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Thrown where the thing staged does not exist for this bridge. */
export class NotApplicable extends Error {}

/**
 * Runs one scenario; throws what was seen where the bridge does not do what it must.
 * @param {Scenario} scenario
 * @param {{ command: readonly string[], kind: 'sse' | 'http', isFull?: boolean }} options
 */
export async function play(scenario, options) {
  const stage = new Stage(options);
  try {
    await scenario.run(stage);
    stage.check();
  } finally {
    await stage.clear();
  }
}
