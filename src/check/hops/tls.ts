import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { type DrawbridgeError, toDrawbridgeError } from '../../errors.ts';
import { dial } from '../../upstream/dial/dialer.ts';
import { isUnknownAuthority } from '../../upstream/dial/tls-failure.ts';
import { TlsTrust } from '../../upstream/dial/tls-trust.ts';
import { chainOf, describeChain } from '../certificate-chain.ts';
import type { Finding, Hop } from '../finding.ts';
import { readShownCertificate } from '../shown-certificate.ts';
import type { Walk } from '../walk-state.ts';

const DAY_MS = 24 * 3600 * 1000;
/** Certificates are renewed a month before their end; one that is not has lost who renews it. */
const SOON_DAYS = 21;

/** TLS with the server as the bridge does it: version, certificates, and how long they hold. */
export async function* lookAtTls(walk: Walk): AsyncGenerator<Finding> {
  if (!walk.isTls) return;
  const { host, port } = walk;
  const name = isIP(host) === 0 ? ` -servername ${host}` : '';
  const curl = `openssl s_client -connect ${walk.url.hostname}:${port}${name} </dev/null`;
  const startedAt = performance.now();
  const dialling = dialTls(walk);
  let socket: TLSSocket;
  try {
    socket = (await walk.within(dialling, `TLS with ${host}:${port}`)) as TLSSocket;
  } catch (thrown) {
    dialling.then((late) => late.destroy()).catch(() => {});
    if (walk.signal.aborted) throw thrown;
    const error = toDrawbridgeError(thrown);
    // What a proxy says, or does not say, is not the server's.
    const hop: Hop = walk.proxy !== undefined && /^(cannot reach )?the proxy\b/.test(error.message) ? 'proxy' : 'tls';
    if (hop === 'proxy') yield walk.failure(hop, error, walk.curl());
    else yield await judgeFailure(walk, error, curl);
    return;
  }
  const ms = Math.round(performance.now() - startedAt);
  const chain = chainOf(socket.getPeerCertificate(true));
  const version = socket.getProtocol();
  socket.destroy();
  const endsAt = Math.min(...chain.map(({ valid_to }) => Date.parse(valid_to)).filter((at) => !Number.isNaN(at)));
  const days = Math.floor((endsAt - walk.now()) / DAY_MS);
  const said = `${version} in ${ms} ms; ${describeChain(chain)}; ${days} days left`;
  if (days >= SOON_DAYS) yield walk.finding('tls', 'ok', said, { curl });
  else {
    const remedy = `Renew the certificate, which ends on ${new Date(endsAt).toISOString().slice(0, 10)}, and look why nothing has renewed it by itself.`;
    yield walk.finding('tls', 'warn', said, { remedy, curl });
  }
}

/** Why there is no TLS; of a certificate that is not trusted, what stands in it. */
async function judgeFailure(walk: Walk, error: DrawbridgeError, curl: string): Promise<Finding> {
  const shown = error.code === 'upstream_untrusted' ? await readShownCertificate(walk) : undefined;
  if (shown === undefined) return walk.failure('tls', error, curl);
  const names = error.sentence.includes(shown.names) ? '' : `; for ${shown.names}`;
  const said = `${error.sentence}; it shows ${shown.chain}${names}`;
  const { code } = (error.cause ?? {}) as NodeJS.ErrnoException;
  const isCut = isUnknownAuthority(code) && shown.isWithoutIssuer;
  const remedy = isCut
    ? `${error.hint} If that authority is known everywhere, the server leaves out a certificate between: it must send its whole chain (fullchain.pem).`
    : error.hint;
  return walk.finding('tls', 'fail', said, { remedy, curl });
}

/** A connection with TLS to the server, whatever the scheme of its URL. */
export function dialTls(walk: Walk): ReturnType<typeof dial> {
  const { host, port, proxy, family, timeoutMs, options } = walk;
  const trust = new TlsTrust(options.tls);
  const how = { family, connectTimeoutMs: timeoutMs, proxy, dialTo: options.dialTo, trust };
  return dial({ host, port, isTls: true }, how, walk.signal);
}
