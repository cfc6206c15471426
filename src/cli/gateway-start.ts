import { DrawbridgeError } from '../errors.ts';
import { createGateway, type Gateway } from '../gateway/gateway.ts';
import type { GatewayOptions } from '../gateway/gateway-options.ts';
import type { ChallengeSource } from '../gateway/listener/certificate-source.ts';
import { type Listener, listen } from '../gateway/listener/listener.ts';
import type { Logger } from '../log.ts';
import { isLoopback } from '../upstream/dial/loopback.ts';
import { type GatewayValues, gatewayOptionsOf, listenerOptionsOf, stopTimesOf } from './gateway-settings.ts';
import { stopOnSignals } from './gateway-stop.ts';
import { readTextFile } from './read-file.ts';
import { refuseOwnAddress } from './self-upstream.ts';

export interface RunningGateway {
  readonly url: string;
  readonly logger: Logger;
  readonly gateway: Gateway;
  readonly listener: Listener;
  /** Whether a signal to stop has come. */
  isStopping(): boolean;
  /** Something more to end when the gateway is stopped. */
  onStop(stop: () => void | Promise<void>): void;
}

/** Starts the gateway and its listener; signals stop it. */
export type StartGateway = (values: GatewayValues, more: Partial<GatewayOptions>) => Promise<RunningGateway>;

/** What createGateway gets of the values. Throws `config` where nobody would be asked for a credential from elsewhere. */
export function meantOptions(values: GatewayValues, more: Partial<GatewayOptions>): Omit<GatewayOptions, 'logger'> {
  const options = { ...gatewayOptionsOf(values), ...more };
  refuseOwnAddress(options, values.host ?? '127.0.0.1', values.port ?? 8080);
  if (!asksNobody(options)) {
    refuseTrustInEverybody(values);
    return options;
  }
  const host = values.host ?? '127.0.0.1';
  if (!isLoopback(host)) {
    throw new DrawbridgeError('config', `refusing to listen on ${host} without authentication`, {
      why: 'whoever reaches that address could use the database',
      hint: 'Give --key-file, or listen on 127.0.0.1.',
    });
  }
  // On loopback nobody else can come in: that is what saying nothing means there.
  return { ...options, auth: 'none' };
}

function asksNobody({ keyFile, htpasswdFile, jwtIssuer, mtls = 'off' }: Omit<GatewayOptions, 'logger'>): boolean {
  return [keyFile, htpasswdFile, jwtIssuer].every((value) => value === undefined) && mtls === 'off';
}

/** The shortest prefixes that anybody's own networks have: 10.0.0.0/8 and fc00::/7. */
const SHORTEST_PREFIX = { ipv4: 8, ipv6: 7 } as const;

/** A proxy that is anybody may say that anybody is anywhere. */
function refuseTrustInEverybody(values: GatewayValues): void {
  const everybody = values['trust-proxies']?.find((cidr) => {
    const bits = /\/(\d{1,3})$/.exec(cidr)?.[1];
    return bits !== undefined && Number(bits) < SHORTEST_PREFIX[cidr.includes(':') ? 'ipv6' : 'ipv4'];
  });
  if (everybody === undefined || isLoopback(values.host ?? '127.0.0.1')) return;
  throw new DrawbridgeError('config', `--trust-proxies ${everybody} trusts everybody`, {
    why: 'whoever connects could then choose the address that limits and rules see',
    hint: 'Name the addresses of your proxies.',
  });
}

/** Finds all that a start would find wrong, but the ports: on free ones of this machine, which are closed at once. */
export async function tryStart(values: GatewayValues, logger: Logger): Promise<void> {
  const gateway = createGateway(meantOptions(values, {}));
  const certificates = await openCertificates(values, logger);
  try {
    const listener = await listen(gateway.handler, {
      ...listenerOptionsOf(values, logger),
      host: '127.0.0.1',
      port: 0,
      ...(values['redirect-port'] === undefined ? {} : { redirectPort: 0 }),
      ...(certificates === undefined ? {} : { certificates }),
    });
    await listener.close();
  } finally {
    certificates?.close();
    await gateway.close();
  }
}

export async function startGateway(
  values: GatewayValues,
  more: Partial<GatewayOptions>,
  logger: Logger,
): Promise<RunningGateway> {
  const options = meantOptions(values, more);
  const gateway = createGateway({ ...options, logger });
  if (options.auth === 'none') logger.warn('no --key-file: every program on this machine can use the gateway');
  const certificates = await openCertificates(values, logger);
  const listenerOptions = listenerOptionsOf(values, logger);
  const listener = await listen(gateway.handler, {
    ...listenerOptions,
    ...(certificates === undefined ? {} : { certificates }),
  });
  certificates?.start();
  if (listener.redirectUrl !== undefined) logger.info(`redirecting from ${listener.redirectUrl}`);
  const stops: (() => void | Promise<void>)[] = [() => certificates?.close()];
  const isStopping = stopOnSignals({ ...stopTimesOf(values), listener, gateway, stops, logger });
  return { url: listener.url, logger, gateway, listener, isStopping, onStop: (stop) => stops.push(stop) };
}

async function openCertificates(
  values: GatewayValues,
  logger: Logger,
): Promise<(ChallengeSource & { start(): void }) | undefined> {
  if (values.acme === undefined) return undefined;
  if (values['tls-cert'] !== undefined || values['tls-key'] !== undefined)
    throw new DrawbridgeError('config', '--acme cannot be used with --tls-cert and --tls-key', {
      why: 'both say which certificate is served',
      hint: 'Leave one of the two out.',
    });
  const { AcmeCertificates } = await import('../gateway/listener/acme.ts');
  const caFile = values['acme-ca'];
  return AcmeCertificates.open({
    domains: values.acme,
    email: values['acme-email'],
    directory: values['acme-directory'] ?? '',
    folder: values['acme-folder'] ?? 'acme',
    ...(caFile === undefined ? {} : { ca: readTextFile(caFile, '--acme-ca') }),
    redirectPort: values['redirect-port'],
    logger,
  });
}
