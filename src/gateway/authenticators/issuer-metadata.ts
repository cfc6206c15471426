import { fetchText, type IssuerFetchOptions, isTrustworthyUrl } from './issuer-fetch.ts';

/**
 * Where an issuer keeps its keys, as its metadata says: at the well-known URI of RFC 8414 §3.1, then at that of OpenID
 * Connect Discovery 1.0 §4. Metadata that names another issuer is somebody else's. Rejects with what was wrong of each.
 */
export async function discoverJwksUrl(issuer: string, options: IssuerFetchOptions): Promise<URL> {
  const faults: string[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      return readJwksUrl(JSON.parse(await fetchText(url, options)), issuer);
    } catch (thrown) {
      if (options.signal.aborted) throw thrown;
      // A parser's message may quote what it read.
      faults.push(`${url.href}: ${thrown instanceof SyntaxError ? 'it is not JSON' : (thrown as Error).message}`);
    }
  }
  throw new Error(faults.join('; '));
}

function metadataUrls(issuer: string): URL[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    new URL(`${origin}/.well-known/oauth-authorization-server${path}`),
    new URL(`${origin}${path}/.well-known/openid-configuration`),
  ];
}

function readJwksUrl(metadata: unknown, issuer: string): URL {
  const { issuer: named, jwks_uri: text } = (metadata ?? {}) as Record<string, unknown>;
  if (named !== issuer) throw new Error('it names another issuer');
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) throw new Error('it has no jwks_uri');
  // An issuer elsewhere has no business on this machine's loopback.
  const isAsNear = url.protocol === 'https:' || new URL(issuer).protocol === 'http:';
  if (!isTrustworthyUrl(url) || !isAsNear) throw new Error('its jwks_uri is not an https URL');
  return url;
}
