import type { Finding } from '../check/finding.ts';
import { createLineLogger, silentLogger } from '../log.ts';
import type { CheckSettings } from './check-settings.ts';

/** Everything that is found, as it is found; what a check does not need is not loaded. */
export async function* findAll(settings: CheckSettings, signal: AbortSignal): AsyncGenerator<Finding> {
  const { target, family, timeoutMs } = settings;
  if (target.kind === 'postgres') {
    const { checkPostgres } = await import('../check/postgres.ts');
    yield* checkPostgres(target.url, { family, timeoutMs, signal });
    return;
  }
  if (target.kind === 'server') yield* walk(settings, target.url, signal);
}

async function* walk(settings: CheckSettings, url: URL, signal: AbortSignal): AsyncGenerator<Finding> {
  const { walkServer } = await import('../check/walk.ts');
  const { headers, secrets, family, transport, tls, proxy, origin, until, timeoutMs, heartbeatMs, ssh } = settings;
  const tunnel = ssh === undefined ? undefined : await openTunnel(ssh, url, settings);
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
