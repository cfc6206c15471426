import { assembleAuthenticators } from '../authenticators/assemble.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { LeakyBucketStore } from '../limits/leaky-bucket-store.ts';
import type { Rate } from '../limits/rate.ts';
import { showPage } from '../page/show-page.ts';
import type { SessionTable } from '../sessions/session-table.ts';
import { ToolRules } from '../tool-rules.ts';
import { checkAddress, compileAddressRules } from './address-rules.ts';
import { authenticate } from './authenticate.ts';
import { readBody } from './body.ts';
import type { NamedPolicy } from './chain.ts';
import { findClientAddress } from './client-address.ts';
import { limitConcurrentCalls } from './concurrent-calls.ts';
import { answerPreflight, checkOrigin } from './cors.ts';
import { refuseWhileDraining } from './draining.ts';
import { checkEra } from './era.ts';
import { checkHost } from './host.ts';
import { httpGrammar } from './http-grammar.ts';
import { httpMethod } from './http-method.ts';
import { checkJsonShape } from './json-shape.ts';
import { LoginBackoff } from './login-backoff.ts';
import { refuseLoops } from './loop.ts';
import {
  byAddress,
  byPrincipal,
  byPrincipalAndCall,
  byPrincipalAndTool,
  nameOfRate,
  type RateLimit,
  type RateLimitOptions,
  rateLimit,
} from './rate-limit.ts';
import { findSession } from './session-owner.ts';
import { capStreams } from './stream-cap.ts';
import { checkTool } from './tool-rules.ts';

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
  const limits: RateLimit[] = [];
  const limiter = (name: string, what: string, rate: Rate, bucketOf: RateLimitOptions['bucketOf']): NamedPolicy => {
    const limit = rateLimit({ rate, what, bucketOf, createStore: storesOf(options, name) });
    limits.push(limit);
    return { name, policy: limit.policy };
  };
  const authenticators = assembleAuthenticators(options);
  const isAddressAllowed = compileAddressRules(options);
  const backoff = new LoginBackoff({ rate: options.limitLogins, logger: options.logger });
  const edge: NamedPolicy[] = [
    { name: 'http-grammar', policy: httpGrammar },
    { name: 'loop', policy: refuseLoops(options) },
    { name: 'client-address', policy: findClientAddress(options) },
    { name: 'address-rules', policy: checkAddress(isAddressAllowed) },
    { name: 'host', policy: checkHost(servedHosts(options)) },
    { name: 'origin', policy: checkOrigin(options.allowedOrigins) },
    { name: 'preflight', policy: answerPreflight },
    limiter('address-limit', 'requests of this address', options.limitAddress, byAddress),
  ];
  return {
    edge,
    mcp: [
      ...edge,
      { name: 'page', policy: showPage(options) },
      { name: 'authenticate', policy: authenticate(authenticators, backoff) },
      limiter('principal-limit', 'requests of this principal', options.limitRequests, byPrincipal),
      { name: 'http-method', policy: httpMethod },
      { name: 'body', policy: readBody(options.maxBodyBytes) },
      { name: 'json-shape', policy: checkJsonShape(options) },
      { name: 'era', policy: checkEra },
      { name: 'session-owner', policy: findSession(sessions) },
      { name: 'draining', policy: refuseWhileDraining(sessions) },
      { name: 'tool-rules', policy: checkTool(new ToolRules()) },
      { name: 'concurrent-calls', policy: limitConcurrentCalls(sessions, options.maxConcurrentCalls) },
      limiter('call-limit', 'tools/call requests', options.limitCalls, byPrincipalAndCall),
      ...[...options.limitTool].map(([tool, rate]) =>
        limiter(`tool-limit ${tool}`, `calls of the tool ${tool}`, rate, byPrincipalAndTool(tool)),
      ),
      { name: 'stream-cap', policy: capStreams(sessions.streams, options.maxStreamsPerAddress) },
    ],
    isAddressAllowed,
    close: () => {
      for (const limit of limits) limit.close();
      for (const authenticator of authenticators) authenticator.close();
    },
  };
}

/** Counters by the name of the limit; those of a principal's own rate have that in their name too. */
function storesOf({ createStore }: ResolvedGatewayOptions, name: string): RateLimitOptions['createStore'] {
  return (rate, isOwn) => {
    if (createStore === undefined) return new LeakyBucketStore(rate);
    return createStore(isOwn ? `${name} ${nameOfRate(rate)}` : name);
  };
}

function servedHosts({ allowedHosts, publicUrl }: ResolvedGatewayOptions): readonly string[] {
  return publicUrl === undefined ? allowedHosts : [...allowedHosts, publicUrl.hostname];
}
