/** An OAuth issuer: metadata (RFC 8414, OpenID Connect) and a key set over real HTTP, and tokens signed with its keys. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';

/** How a document is answered. */
export type IssuerMood =
  | { readonly kind: 'well' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'flood'; readonly bytes: number }
  | { readonly kind: 'text'; readonly text: string };

export interface SignOptions {
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Left out of the claims that a token otherwise has. */
  readonly without?: readonly string[];
  readonly header?: Readonly<Record<string, unknown>>;
  readonly alg?: string;
}

export interface OauthIssuer {
  readonly url: string;
  readonly origin: string;
  /** Requests so far whose path ends so. */
  count(pathEnd: string): number;
  readonly requests: string[];
  /** Bytes of a flood that were really written. */
  readonly flooded: () => number;
  mood: { metadata: IssuerMood; jwks: IssuerMood };
  /** Of the metadata of RFC 8414, where it differs from that of OpenID Connect. */
  oauthMetadata: IssuerMood | undefined;
  /** What the metadata says besides or instead. */
  metadata: Record<string, unknown>;
  /** The current public key as PEM, and its JWK. */
  readonly publicPem: () => string;
  readonly publicJwk: () => JWK;
  readonly kid: () => string;
  /** New keys in place of those before, or besides them. */
  rotate(options?: { readonly keep?: boolean; readonly alg?: string; readonly withoutKid?: boolean }): Promise<void>;
  /** A token for `audience`, subject alice, 5 minutes. */
  sign(audience: string | readonly string[], options?: SignOptions): Promise<string>;
  close(): Promise<void>;
}

interface IssuerKey {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
  readonly pem: string;
  readonly alg: string;
}

const CHUNK = Buffer.alloc(64 * 1024, ' ');

export async function startIssuer(
  options: { readonly path?: string; readonly alg?: string } = {},
): Promise<OauthIssuer> {
  const { path = '', alg: firstAlg = 'RS256' } = options;
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  let flooded = 0;
  let keys: IssuerKey[] = [];
  let made = 0;

  const makeKey = async (alg: string, withoutKid: boolean): Promise<IssuerKey> => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const kid = withoutKid ? {} : { kid: `key-${++made}` };
    return {
      privateKey,
      jwk: { ...(await exportJWK(publicKey)), ...kid, use: 'sig', alg },
      pem: await exportSPKI(publicKey),
      alg,
    };
  };
  keys = [await makeKey(firstAlg, false)];
  const current = (): IssuerKey => keys[0]!;

  const answer = (res: ServerResponse, mood: IssuerMood, document: unknown): void => {
    if (mood.kind === 'hang') return;
    if (mood.kind === 'status') res.writeHead(mood.status).end('{}');
    else if (mood.kind === 'redirect') res.writeHead(302, { location: mood.location }).end();
    else if (mood.kind === 'flood') {
      res.writeHead(200, { 'content-type': 'application/json' });
      const write = (): void => {
        while (flooded < mood.bytes && !res.destroyed) {
          flooded += CHUNK.length;
          if (!res.write(CHUNK)) {
            res.once('drain', write);
            return;
          }
        }
        res.end();
      };
      write();
    } else {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(mood.kind === 'text' ? mood.text : JSON.stringify(document));
    }
  };
  const server = createServer((req: IncomingMessage, res: ServerResponse) => {
    const url = req.url ?? '';
    requests.push(url);
    const { mood, metadata, oauthMetadata } = issuer;
    if (url === `/.well-known/oauth-authorization-server${path}`) answer(res, oauthMetadata ?? mood.metadata, metadata);
    else if (url === `${path}/.well-known/openid-configuration`) answer(res, mood.metadata, metadata);
    else if (url === '/jwks') answer(res, mood.jwks, { keys: keys.map(({ jwk }) => jwk) });
    else res.writeHead(404).end();
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const url = origin + path;

  const issuer: OauthIssuer = {
    url,
    origin,
    requests,
    count: (pathEnd) => requests.filter((one) => one.endsWith(pathEnd)).length,
    flooded: () => flooded,
    oauthMetadata: undefined,
    mood: { metadata: { kind: 'well' }, jwks: { kind: 'well' } },
    metadata: {
      issuer: url,
      jwks_uri: `${origin}/jwks`,
      authorization_endpoint: `${url}/authorize`,
      token_endpoint: `${url}/token`,
      response_types_supported: ['code'],
    },
    publicPem: () => current().pem,
    publicJwk: () => current().jwk,
    kid: () => current().jwk.kid ?? '',
    rotate: async ({ keep = false, alg = firstAlg, withoutKid = false } = {}) => {
      keys = [await makeKey(alg, withoutKid), ...(keep ? keys : [])];
    },
    sign: (audience, { claims = {}, without = [], header = {}, alg = current().alg } = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const all = { iss: url, sub: 'alice', aud: audience, iat: now, exp: now + 300, ...claims };
      const kept = Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name)));
      const { kid } = current().jwk;
      return new SignJWT(kept)
        .setProtectedHeader({ alg, ...(kid === undefined ? {} : { kid }), ...header })
        .sign(current().privateKey, header['crit'] === undefined ? {} : { crit: { [String(header['crit'])]: true } });
    },
    close: () =>
      new Promise((fulfil) => {
        server.close(() => fulfil());
        for (const socket of sockets) socket.destroy();
      }),
  };
  return issuer;
}
