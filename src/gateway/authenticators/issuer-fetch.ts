import { type LookupOptions, lookup } from 'node:dns';
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Family } from '../../upstream/dial/dial-route.ts';
import { isLoopback } from '../../upstream/dial/loopback.ts';

/** No key set or metadata comes near. */
const MAX_DOCUMENT_BYTES = 1024 * 1024;

export interface IssuerFetchOptions {
  readonly family: Family;
  /** Ends the request, and says by its reason why. */
  readonly signal: AbortSignal;
}

/** Whether what stands at this URL can be believed: it comes over TLS, or never leaves this machine. */
export function isTrustworthyUrl({ protocol, hostname, username, password }: URL): boolean {
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}

/**
 * The text of one document of an issuer: at most 1 MiB, from that very URL and no other. Rejects, with one line that
 * can be logged, for redirects, any status but 200, and larger ones, of which no more than that is read.
 */
export function fetchText(url: URL, { family, signal }: IssuerFetchOptions): Promise<string> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((fulfil, reject) => {
    const options: RequestOptions = {
      headers: { Accept: 'application/json', 'Accept-Encoding': 'identity' },
      agent: false,
      signal,
      lookup: (host, given, callback) => {
        const order: LookupOptions = family === '4' ? { verbatim: false } : family === '6' ? { family: 6 } : {};
        lookup(host, { ...given, ...order }, callback);
      },
    };
    const req = request(url, options, (res) => {
      readText(res).then(fulfil, (thrown: Error) => {
        reject(signal.aborted ? signal.reason : thrown);
        res.destroy();
      });
    });
    req.on('error', (thrown: NodeJS.ErrnoException) => {
      reject(signal.aborted ? signal.reason : new Error(thrown.code ?? thrown.message));
    });
    req.end();
  });
}

async function readText(res: IncomingMessage): Promise<string> {
  const { statusCode = 0, headers } = res;
  if (statusCode >= 300 && statusCode < 400) throw new Error(`it redirects (${statusCode}), which is not followed`);
  if (statusCode !== 200) throw new Error(`it answered ${statusCode}`);
  if (headers['content-encoding'] !== undefined) throw new Error('it is compressed, which was not asked for');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of res as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_DOCUMENT_BYTES) throw new Error(`it is larger than ${MAX_DOCUMENT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
