import { connect } from 'node:net';

export interface TcpOutcome {
  readonly ms: number;
  /** Why there is no connection; undefined where there is one. */
  readonly code?: string;
  /** What the other side said by itself. */
  readonly banner: string;
  /** Whether it closed the connection by itself. */
  readonly isClosed: boolean;
}

/** More than a banner has. */
const MAX_BANNER_BYTES = 256;

/**
 * Connects to one address and ends the connection again, without a byte sent. With `listenMs`, what the other side says
 * or does by itself in that time is waited for. Never rejects; an aborted signal is the code `ABORTED`.
 */
export function probeTcp(
  address: string,
  port: number,
  bounds: { readonly timeoutMs: number; readonly listenMs?: number; readonly signal: AbortSignal },
): Promise<TcpOutcome> {
  const { timeoutMs, listenMs = 0, signal } = bounds;
  const startedAt = performance.now();
  return new Promise((fulfil) => {
    const socket = connect({ host: address, port });
    let connectedMs: number | undefined;
    let banner = '';
    const finish = (code?: string, isClosed = false): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.removeAllListeners().on('error', () => {});
      socket.destroy();
      const ms = connectedMs ?? performance.now() - startedAt;
      fulfil({ ms: Math.round(ms), banner, isClosed, ...(code === undefined ? {} : { code }) });
    };
    const abort = (): void => finish('ABORTED');
    let timer = setTimeout(() => finish('ETIMEDOUT'), timeoutMs);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    socket.on('connect', () => {
      connectedMs = performance.now() - startedAt;
      clearTimeout(timer);
      timer = setTimeout(() => finish(), listenMs);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (connectedMs === undefined) finish(error.code ?? error.message);
      else finish(undefined, true);
    });
    socket.on('data', (chunk) => {
      banner += chunk.toString('latin1');
      if (banner.length >= MAX_BANNER_BYTES || banner.includes('\n')) finish();
    });
    socket.on('end', () => finish(undefined, true));
  });
}
