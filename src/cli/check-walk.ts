import type { Finding } from '../check/finding.ts';
import { silentLogger } from '../log.ts';
import type { SshTunnel } from '../upstream/ssh/ssh-tunnel.ts';
import type { CheckSettings } from './check-settings.ts';

/** Everything that is found, as it is found; what a check does not need is not loaded. */
export async function* findAll(settings: CheckSettings, signal: AbortSignal): AsyncGenerator<Finding> {
  const { target, family, timeoutMs, until } = settings;
  if (target.kind === 'postgres') {
    const { checkPostgres } = await import('../check/postgres.ts');
    yield* checkPostgres(target.url, { family, timeoutMs, signal });
    return;
  }
  if (target.kind === 'machine') {
    yield { hop: 'machine', verdict: 'ok', said: `Node.js ${process.versions.node} at ${process.execPath}` };
    yield* readClients();
    return;
  }
  yield* walk(settings, target.url, signal);
  // Whether a server can be reached does not hang on what stands in some client's file.
  if (until !== undefined || signal.aborted) return;
  for await (const finding of readClients()) {
    yield finding.verdict === 'fail' ? { ...finding, verdict: 'warn' } : finding;
  }
}

async function* readClients(): AsyncGenerator<Finding> {
  const [{ checkClientFiles }, { thisMachine }, { readFileSync, statSync }] = await Promise.all([
    import('../check/client-files.ts'),
    import('./this-machine.ts'),
    import('node:fs'),
  ]);
  const READ_BY_OTHERS = 0o044;
  yield* checkClientFiles({
    ...thisMachine(),
    readFile: (path) => readFileSync(path),
    isReadByOthers: (path) => process.platform !== 'win32' && (statSync(path).mode & READ_BY_OTHERS) !== 0,
  });
}

async function* walk(settings: CheckSettings, url: URL, signal: AbortSignal): AsyncGenerator<Finding> {
  const { walkServer } = await import('../check/walk.ts');
  const { headers, secrets, family, transport, tls, proxy, origin, until, timeoutMs, heartbeatMs, ssh } = settings;
  const tunnel = ssh === undefined ? undefined : await prepareTunnel(ssh, url, settings);
  try {
    yield* walkServer({
      url,
      headers,
      secrets,
      family,
      transport,
      timeoutMs,
      heartbeatMs,
      signal,
      facts: { nodeVersion: process.versions.node, proxyVariables: proxyVariables(process.env) },
      ...(tls === undefined ? {} : { tls }),
      ...(proxy === undefined ? {} : { proxy }),
      ...(origin === undefined ? {} : { origin }),
      ...(until === undefined ? {} : { until }),
      ...(tunnel === undefined ? {} : { dialTo: () => tunnel.address() }),
    });
  } finally {
    await tunnel?.close();
  }
}

/** It is opened when the walk asks for its near end. */
async function prepareTunnel(
  ssh: NonNullable<CheckSettings['ssh']>,
  url: URL,
  { family, timeoutMs }: CheckSettings,
): Promise<SshTunnel> {
  const { SshTunnel } = await import('../upstream/ssh/ssh-tunnel.ts');
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const target = { host: url.hostname, port };
  return new SshTunnel({ ...ssh, target, family, openTimeoutMs: timeoutMs, logger: silentLogger });
}

/** Those that are set, by the names that they have. */
function proxyVariables(env: Readonly<Record<string, string | undefined>>): string[] {
  return Object.keys(env).filter((name) => /^(https?|all|no)_proxy$/i.test(name) && env[name] !== '');
}
