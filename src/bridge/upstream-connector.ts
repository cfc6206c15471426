import type { Logger } from '../log.ts';
import type { Transport } from '../relay/transport.ts';
import { createUpstream, type UpstreamKind } from '../upstream/detection.ts';
import type { Family } from '../upstream/dial/dial-route.ts';
import { CookieJar } from '../upstream/http/cookie-jar.ts';
import { SshTunnel, type SshTunnelOptions } from '../upstream/ssh/ssh-tunnel.ts';
import type { BridgeOptions, SshOptions } from './bridge-options.ts';

/** Makes the transports that the bridge's session lives through. */
export interface UpstreamConnector {
  readonly connect: () => Transport;
  /** Ends what the connections share. */
  close(): Promise<void>;
}

/** Throws `config` when no tunnel or proxy can be made as asked for. */
export function upstreamConnector(url: URL, options: BridgeOptions, logger: Logger): UpstreamConnector {
  const {
    headers,
    family,
    connectTimeoutMs,
    headersTimeoutMs,
    bodyTimeoutMs,
    maxMessageBytes,
    proxy,
    tls,
    cookies = true,
    ssh,
  } = options;
  const jar = cookies ? new CookieJar(url) : undefined;
  const tunnel = ssh === undefined ? undefined : new SshTunnel(tunnelOptions(url, ssh, family, logger));
  let kind: UpstreamKind = options.transport ?? 'auto';
  return {
    connect: () =>
      createUpstream({
        url,
        kind,
        logger,
        ...(headers === undefined ? {} : { headers }),
        ...(family === undefined ? {} : { family }),
        ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
        ...(headersTimeoutMs === undefined ? {} : { headersTimeoutMs }),
        ...(bodyTimeoutMs === undefined ? {} : { bodyTimeoutMs }),
        ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
        ...(proxy === undefined ? {} : { proxy }),
        ...(tls === undefined ? {} : { tls }),
        ...(jar === undefined ? {} : { cookies: jar }),
        ...(tunnel === undefined ? {} : { dialTo: () => tunnel.address() }),
        onDetected: (found) => {
          logger.info(`connected to ${url.host}, which speaks ${found === 'sse' ? 'legacy SSE' : 'Streamable HTTP'}`);
          // The next connection begins with what this one found; the server may have learnt something new by then.
          if (kind !== 'sse' && kind !== 'http') kind = found === 'sse' ? 'sse-first' : 'http-first';
        },
      }),
    close: async () => tunnel?.close(),
  };
}

function tunnelOptions(url: URL, ssh: SshOptions, family: Family | undefined, logger: Logger): SshTunnelOptions {
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port);
  const target = { host: url.hostname, port };
  return { ...ssh, target, logger, ...(family === undefined ? {} : { family }) };
}
