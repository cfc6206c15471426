import { DrawbridgeError } from '../../errors.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { Policy } from '../refusal.ts';
import { gatewaysBefore, MAX_GATEWAYS } from '../via.ts';

/** Refuses a request that this gateway has sent itself, directly or over others: each round would open sessions anew. */
export function refuseLoops({ pseudonym }: Pick<ResolvedGatewayOptions, 'pseudonym'>): Policy {
  return ({ req }) => {
    if (req.headers.via === undefined) return undefined;
    const before = gatewaysBefore(req);
    if (before.includes(pseudonym)) return refuse('the request has come back to the gateway that sent it');
    if (before.length >= MAX_GATEWAYS) return refuse(`the request has passed ${MAX_GATEWAYS} gateways already`);
    return undefined;
  };
}

function refuse(message: string): ReturnType<Policy> {
  return { error: new DrawbridgeError('loop_detected', message) };
}
