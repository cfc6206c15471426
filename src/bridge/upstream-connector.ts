import type { Logger } from '../log.ts';
import type { Transport } from '../relay/transport.ts';
import { createUpstream, type UpstreamKind } from '../upstream/detection.ts';
import type { BridgeOptions } from './bridge-options.ts';

/** Makes the transports that the bridge's session lives through. */
export interface UpstreamConnector {
  readonly connect: () => Transport;
  /** Ends what the connections share. */
  close(): Promise<void>;
}

export function upstreamConnector(url: URL, options: BridgeOptions, logger: Logger): UpstreamConnector {
  const { headers, family, connectTimeoutMs, headersTimeoutMs, bodyTimeoutMs, maxMessageBytes, proxy, tls } = options;
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
        onDetected: (found) => {
          logger.info(`connected to ${url.host}, which speaks ${found === 'sse' ? 'legacy SSE' : 'Streamable HTTP'}`);
          // The next connection begins with what this one found; the server may have learnt something new by then.
          if (kind !== 'sse' && kind !== 'http') kind = found === 'sse' ? 'sse-first' : 'http-first';
        },
      }),
    close: () => Promise.resolve(),
  };
}
