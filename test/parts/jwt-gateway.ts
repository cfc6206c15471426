/** A gateway that takes tokens of an issuer of the test's own, and nothing else. */
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { startGateway, type TestGateway } from './gateway-server.ts';
import { type OauthIssuer, startIssuer } from './oauth-issuer.ts';
import { INITIALIZE, JSON_HEADERS, type RawAnswer, send } from './raw-http.ts';
import { type SilentUpstream, startSilentUpstream } from './silent-upstream.ts';

export const PUBLIC_URL = 'https://db.example.com';
export const AUDIENCE = `${PUBLIC_URL}/mcp`;

export interface JwtGateway {
  readonly issuer: OauthIssuer;
  readonly upstream: SilentUpstream;
  readonly gateway: TestGateway;
  /** Opens a stream with what stands in Authorization; the answer's head is all that is waited for. */
  open(authorization: string, path?: string): Promise<RawAnswer>;
  openWith(token: string): Promise<RawAnswer>;
  close(): Promise<void>;
}

export interface JwtGatewayOptions extends Partial<GatewayOptions> {
  readonly withKeys?: boolean;
}

export async function startJwtGateway(
  { withKeys = false, ...options }: JwtGatewayOptions = {},
  given?: OauthIssuer,
): Promise<JwtGateway> {
  const issuer = given ?? (await startIssuer());
  const upstream = await startSilentUpstream();
  const gateway = await startGateway({
    upstream: upstream.url,
    jwtIssuer: issuer.url,
    publicUrl: PUBLIC_URL,
    // Wrong tokens are what these tests send, and all from one address.
    limitLogins: 1_000_000,
    ...(withKeys ? {} : { keyFile: undefined }),
    ...options,
  } as GatewayOptions);
  const open: JwtGateway['open'] = (authorization, path = '/sse') =>
    send(gateway.origin, { path, headers: { authorization, accept: 'text/event-stream' } });
  return {
    issuer,
    upstream,
    gateway,
    open,
    openWith: (token) => open(`Bearer ${token}`),
    close: async () => {
      await gateway.close();
      await upstream.close();
      await issuer.close();
    },
  };
}

/** A request of Streamable HTTP. */
export function initialize(origin: string, token: string): Promise<RawAnswer> {
  return send(origin, {
    method: 'POST',
    path: '/mcp',
    headers: { ...JSON_HEADERS, authorization: `Bearer ${token}` },
    body: INITIALIZE,
  });
}

export function encode(part: unknown): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** A token up to the dot before its signature. */
export function unsigned(header: unknown, claims: unknown): string {
  return `${encode(header)}.${encode(claims)}.`;
}
