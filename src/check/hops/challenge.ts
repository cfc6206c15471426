import { curlOfFirst } from '../curls.ts';
import type { Finding } from '../finding.ts';
import type { Walk } from '../walk-state.ts';
import type { WatchedExchange } from '../watched-exchange.ts';
import { lookAtDiscovery, lookAtMetadata } from './metadata.ts';
import { serverOf } from './response-verdict.ts';

const CREDENTIAL = /authorization|api-?key|token|cookie/i;
const QUOTED_CHARS = 200;

/** What the server wants of who asks (RFC 9110 §11.6.1), and what it says of the credential that was sent. */
export async function* lookAtChallenge(walk: Walk, exchange: WatchedExchange): AsyncGenerator<Finding> {
  const { status } = exchange;
  const sent = Object.keys(walk.options.headers ?? {}).filter((name) => CREDENTIAL.test(name));
  if (status === 401) {
    yield refused(walk, exchange, sent);
    const metadataUrl = /\bresource_metadata="([^"]+)"/i.exec(exchange.header('www-authenticate') ?? '')?.[1];
    if (metadataUrl !== undefined) yield await lookAtMetadata(walk, metadataUrl);
    return;
  }
  if (status === 403) {
    yield forbidden(walk, exchange, sent);
    return;
  }
  if (sent.length === 0 || status >= 300) return;
  yield walk.finding('challenge', 'ok', `${sent.join(' and ')} as configured: let in`);
  yield* lookAtDiscovery(walk);
}

function refused(walk: Walk, exchange: WatchedExchange, sent: readonly string[]): Finding {
  const challenge = exchange.header('www-authenticate') ?? '';
  const bare = challenge.replace(/"[^"]*"/g, '""');
  const schemes = [...bare.matchAll(/(?:^|,)\s*([A-Za-z][\w-]*)(?=\s|,|$)(?!\s*=)/g)].map(([, scheme]) => scheme!);
  const wanted = schemes.length === 0 ? 'without a challenge (WWW-Authenticate)' : `it wants ${schemes.join(' or ')}`;
  const why = /\berror_description="([^"]+)"/i.exec(challenge)?.[1] ?? /\berror="([^"]+)"/i.exec(challenge)?.[1];
  const given = schemeOf(walk);
  const seen = `HTTP 401${serverOf(exchange)}, ${wanted}${why === undefined ? '' : ` (${why.slice(0, QUOTED_CHARS)})`}`;
  const isBasic = schemes.some((scheme) => /^basic$/i.test(scheme));
  const isBearer = schemes.some((scheme) => /^bearer$/i.test(scheme));
  const give = [
    ...(isBearer || !isBasic ? ['--header "Authorization: Bearer $TOKEN"'] : []),
    ...(isBasic ? ['--header "Authorization: Basic $(printf %s "$USER:$PASSWORD" | base64)"'] : []),
  ].join(' or ');
  const curl = curlOfFirst(walk);
  if (sent.length === 0) {
    return walk.finding('challenge', 'fail', `${seen}; no credential was sent`, {
      remedy: `Give the credential with ${give}`,
      curl,
    });
  }
  const isOtherScheme =
    given !== undefined && schemes.length > 0 && !schemes.some((each) => each.toLowerCase() === given);
  const said = isOtherScheme
    ? `${seen}, and an Authorization of scheme ${given} was sent`
    : `${seen}; what was sent in ${sent.join(' and ')} is not accepted`;
  const remedy = isOtherScheme
    ? `Send the scheme that it wants: ${give}`
    : 'Check the credential: is it complete, of this server, not revoked and not past its end? Ask the operator for a new one.';
  return walk.finding('challenge', 'fail', said, { remedy, curl });
}

function forbidden(walk: Walk, exchange: WatchedExchange, sent: readonly string[]): Finding {
  const isHtml = /html/i.test(exchange.header('content-type') ?? '');
  const body = isHtml ? '' : exchange.body.toString('utf8', 0, QUOTED_CHARS).trim();
  const said = `HTTP 403${serverOf(exchange)}${body === '' ? '' : `: ${body}`}`;
  const remedy =
    sent.length === 0
      ? 'The server, or a firewall before it, does not let this address in, or wants a credential: ask its operator, or give --header "Authorization: Bearer $TOKEN"'
      : 'The credential may not do this, or this address is not let in: ask the operator of the server.';
  return walk.finding('challenge', 'fail', said, { remedy, curl: curlOfFirst(walk) });
}

/** The scheme of the Authorization that is configured, in lower case. */
function schemeOf(walk: Walk): string | undefined {
  const entry = Object.entries(walk.options.headers ?? {}).find(([name]) => /^authorization$/i.test(name));
  return /^([\w-]+)\s+\S/.exec(entry?.[1] ?? '')?.[1]?.toLowerCase();
}
