import { keyAuthenticator } from '../authenticators/keys.ts';
import type { RateLimitStore, ResolvedGatewayOptions } from '../gateway-options.ts';
import type { Rate } from '../rate.ts';
import type { SessionTable } from '../session-table.ts';
import { type Authenticator, authenticate, loopbackOnly } from './authenticate.ts';
import { readBody } from './body.ts';
import type { NamedPolicy } from './chain.ts';
import { answerPreflight, checkOrigin } from './cors.ts';
import { checkHost } from './host.ts';
import { httpGrammar } from './http-grammar.ts';
import { httpMethod } from './http-method.ts';
import { checkJsonShape } from './json-shape.ts';
import { byAddress, byPrincipal, byPrincipalAndCall, createMemoryStore, rateLimit } from './rate-limit.ts';
import { findSession } from './session-owner.ts';

export interface PolicyChain {
  /** For the routes that are not MCP: a wrong Host or Origin is refused everywhere. */
  readonly edge: readonly NamedPolicy[];
  /** For the MCP routes: the same, and what follows. */
  readonly mcp: readonly NamedPolicy[];
  /** Whether the address rules would let in a client at this address. */
  isAddressAllowed(address: string): boolean;
  /** Gives back what the policies hold, such as counters. */
  close(): void;
}

/** The chain in its order, which is a contract: cheap and anonymous first, and nothing parsed before somebody is known. */
export function assemblePolicies(options: ResolvedGatewayOptions, sessions: SessionTable): PolicyChain {
  const stores: RateLimitStore[] = [];
  const limiter = (name: string, rate: Rate, bucketOf: typeof byPrincipal): NamedPolicy => {
    const store = (options.createStore ?? createMemoryStore)(name);
    stores.push(store);
    return { name, policy: rateLimit({ rate, store, bucketOf }) };
  };
  const authenticators = assembleAuthenticators(options);
  const edge: NamedPolicy[] = [
    { name: 'http-grammar', policy: httpGrammar },
    { name: 'host', policy: checkHost(options.allowedHosts) },
    { name: 'origin', policy: checkOrigin(options.allowedOrigins) },
    { name: 'preflight', policy: answerPreflight },
    limiter('address-limit', options.limitAddress, byAddress),
  ];
  return {
    edge,
    mcp: [
      ...edge,
      { name: 'authenticate', policy: authenticate(authenticators) },
      limiter('principal-limit', options.limitRequests, byPrincipal),
      { name: 'http-method', policy: httpMethod },
      { name: 'body', policy: readBody(options.maxBodyBytes) },
      { name: 'json-shape', policy: checkJsonShape(options) },
      { name: 'session-owner', policy: findSession(sessions) },
      limiter('call-limit', options.limitCalls, byPrincipalAndCall),
    ],
    isAddressAllowed: () => true,
    close: () => {
      for (const store of stores) store.shutdown?.();
      for (const authenticator of authenticators) authenticator.close();
    },
  };
}

function assembleAuthenticators(options: ResolvedGatewayOptions): readonly Authenticator[] {
  if (options.auth === 'none') return [loopbackOnly];
  return options.keyFile === undefined ? [] : [keyAuthenticator(options.keyFile)];
}
