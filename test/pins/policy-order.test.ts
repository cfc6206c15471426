import { expect, it } from 'vitest';
import { resolveGatewayOptions } from '../../src/gateway/gateway-options.ts';
import { assemblePolicies } from '../../src/gateway/policies/assemble.ts';
import { SessionTable } from '../../src/gateway/sessions/session-table.ts';

const EDGE = [
  'http-grammar',
  'loop',
  'client-address',
  'address-rules',
  'host',
  'origin',
  'preflight',
  'address-limit',
];

it('asks the policies in this order: cheap and anonymous first, nothing parsed before somebody is known', () => {
  const options = resolveGatewayOptions({ upstream: 'http://127.0.0.1:8000/sse', auth: 'none' });
  const chain = assemblePolicies(options, new SessionTable(options));
  expect(chain.edge.map(({ name }) => name)).toEqual(EDGE);
  expect(chain.mcp.map(({ name }) => name)).toEqual([
    ...EDGE,
    'page',
    'authenticate',
    'principal-limit',
    'http-method',
    'body',
    'json-shape',
    'era',
    'session-owner',
    'draining',
    'tool-rules',
    'concurrent-calls',
    'call-limit',
    'stream-cap',
  ]);
  chain.close();
});
