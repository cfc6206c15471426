import type { Family } from '../../upstream/dial/dial-route.ts';
import { dial } from '../../upstream/dial/dialer.ts';

/** How long a look at a server may take. */
const LOOK_TIMEOUT_MS = 2000;

/**
 * Whether the server takes connections: settles when one was made, and closes it again. Any request would open a session
 * there, a HEAD too, and MCP servers have no health route. Rejects with `upstream_unreachable`.
 */
export async function reach(url: URL, family: Family, signal: AbortSignal): Promise<void> {
  const target = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
    isTls: false,
  };
  const socket = await dial(target, { family, connectTimeoutMs: LOOK_TIMEOUT_MS }, signal);
  socket.destroy();
}
