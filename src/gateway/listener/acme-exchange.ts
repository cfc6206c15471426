import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { DrawbridgeError } from '../../errors.ts';
import type { Family } from '../../upstream/dial/dial-route.ts';
import { readTlsFailure } from '../../upstream/dial/tls-failure.ts';

/** How the requests of one attempt reach the authority, and what it last said. */
export interface AcmeRoute {
  /** PEM; trusted in place of the system's authorities. */
  readonly ca: string | undefined;
  readonly family: Family;
  readonly signal: AbortSignal;
  /** Set by a response that refuses; cleared by one that does not. */
  refusal?:
    | { readonly status: number; readonly type: string | undefined; readonly retryAfterMs: number | undefined }
    | undefined;
}

/** What acme-client asks of axios, as far as it is needed here. */
export interface AcmeRequest {
  readonly url?: string;
  readonly method?: string;
  readonly data?: unknown;
  readonly headers: Iterable<[string, unknown]>;
}

export interface AcmeResponse {
  readonly data: string;
  readonly status: number;
  readonly statusText: string;
  readonly headers: Record<string, string>;
}

/** For the whole of a response that starts at once and then dribbles. */
const EXCHANGE_MS = 30_000;
/** A chain of certificates, or an order of a hundred names. */
const MAX_RESPONSE_BYTES = 1_048_576;
const MAX_RETRY_AFTER_MS = 86_400_000;

/** acme-client has one HTTP client for the whole process; this says for which attempt a request is. */
export const acmeRoutes = new AsyncLocalStorage<AcmeRoute>();

/**
 * One request to the authority. It stands in for axios' own, which takes its proxy from the environment, would repeat
 * a failed request for minutes with nothing to stop it, and forgets why a connection failed. Rejects with a
 * DrawbridgeError, `certificate_failed`.
 */
export async function exchangeWithAuthority(request: AcmeRequest): Promise<AcmeResponse> {
  const route = acmeRoutes.getStore();
  const url = new URL(request.url ?? '');
  if (route === undefined || url.protocol !== 'https:') {
    throw new DrawbridgeError('certificate_failed', `${url.origin} is not asked`, { why: 'it is not an https URL' });
  }
  const signal = AbortSignal.any([route.signal, AbortSignal.timeout(EXCHANGE_MS)]);
  try {
    const response = await send(url, request, route, signal);
    route.refusal = response.status < 400 ? undefined : refusalOf(response);
    return response;
  } catch (thrown) {
    route.refusal = undefined;
    throw nameFailure(url, thrown, route);
  }
}

function send(url: URL, { method = 'get', data, headers }: AcmeRequest, route: AcmeRoute, signal: AbortSignal) {
  return new Promise<AcmeResponse>((fulfil, reject) => {
    const sent = httpsRequest(url, {
      method: method.toUpperCase(),
      headers: Object.fromEntries([...headers].map(([name, value]) => [name, String(value)])),
      ...(route.ca === undefined ? {} : { ca: route.ca }),
      ...(route.family === 'any' ? {} : { family: Number(route.family) }),
      // A connection of its own, so that none outlives the attempt.
      agent: false,
      signal,
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      readBody(response).then(
        (body) =>
          fulfil({
            data: body,
            status: response.statusCode ?? 0,
            statusText: response.statusMessage ?? '',
            headers: Object.fromEntries(
              Object.entries(response.headers).map(([name, value]) => [name, String(value ?? '')]),
            ),
          }),
        reject,
      );
    });
    sent.end(typeof data === 'string' ? data : undefined);
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_RESPONSE_BYTES) throw new Error(`its response is longer than ${MAX_RESPONSE_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function refusalOf({ status, data, headers }: AcmeResponse): AcmeRoute['refusal'] {
  let type: string | undefined;
  try {
    const problem = JSON.parse(data) as { type?: unknown } | null;
    if (typeof problem?.type === 'string') type = problem.type.replace('urn:ietf:params:acme:error:', '').slice(0, 100);
  } catch {
    // A proxy's page, or nothing.
  }
  return { status, type, retryAfterMs: readRetryAfter(headers['retry-after']) };
}

/** Seconds or a date (RFC 9110 §10.2.3), in milliseconds from now. */
function readRetryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return ms > 0 ? Math.min(ms, MAX_RETRY_AFTER_MS) : undefined;
}

function nameFailure(url: URL, thrown: unknown, route: AcmeRoute): DrawbridgeError {
  const error = thrown as NodeJS.ErrnoException;
  const tls = readTlsFailure(error);
  const isLate = error.name === 'AbortError' && !route.signal.aborted;
  const why = isLate
    ? `no whole answer within ${EXCHANGE_MS / 1000} s`
    : (tls?.detail ?? error.message ?? String(thrown));
  const isUnknown = tls?.isUntrusted === true;
  const message = isUnknown
    ? `the ACME directory at ${url.host} is not trusted`
    : `the ACME authority at ${url.host} was not reached`;
  return new DrawbridgeError('certificate_failed', message, {
    why: [error.code === 'ABORT_ERR' ? undefined : error.code, why].filter(Boolean).join(', '),
    hint: isUnknown
      ? 'If it is a private authority, give the certificate that signed its own with --acme-ca.'
      : 'Is --acme-directory right, and can this machine reach it?',
    cause: thrown,
  });
}
