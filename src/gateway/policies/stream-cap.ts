import { bucketOfAddress } from '../address/canonical-address.ts';
import type { OpenCounts } from '../limits/open-counts.ts';
import type { Policy } from '../refusal.ts';
import { LISTEN } from '../stateless/stateless-routes.ts';
import { refuseFor } from './rate-limit.ts';

/** A stream ends when its client wants, and nobody knows when that is. */
const RETRY_AFTER_MS = 5000;

/** Lets so many event streams be open for one address; each counts until its response is over, however that ends. */
export function capStreams(streams: OpenCounts, maxStreams: number): Policy {
  return ({ req, res, route, address, era, message }) => {
    const isSubscription = era === 'modern' && message?.method === LISTEN;
    if ((req.method !== 'GET' && !isSubscription) || (route !== 'sse-stream' && route !== 'mcp')) return undefined;
    const bucket = bucketOfAddress(address);
    if (streams.get(bucket) >= maxStreams)
      return refuseFor(`${maxStreams} event streams of this address are open already`, RETRY_AFTER_MS);
    // Whoever has left already will not say so again.
    if (!res.destroyed) res.once('close', streams.add(bucket));
    return undefined;
  };
}
