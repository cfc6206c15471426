import type { Socket } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import { invalidResponse, parseStatusLine } from '../http/http-response-head.ts';
import { bracketed, nameAddress } from './dial-failure.ts';
import type { DialRoute, HttpProxy } from './dial-route.ts';

/** A proxy has no reason to say more. */
const MAX_HEAD_BYTES = 16 * 1024;
const MAX_REASON_CHARS = 200;
const SPEAKS_HTTP = 'HTTP/1.';
const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * Asks a proxy for a way through to the target (CONNECT, RFC 9110 §9.3.6). What comes after the proxy's answer stays in
 * the socket for whoever reads it next. Nothing but the proxy's own credential is sent. Rejects, with the socket
 * destroyed, when the proxy refuses, answers something else, closes, or the signal aborts.
 */
export function openWayThrough(
  socket: Socket,
  route: DialRoute,
  proxy: HttpProxy,
  address: string,
  signal: AbortSignal,
): Promise<void> {
  const { target, hop } = route;
  const where = `the proxy ${bracketed(hop.host)}:${hop.port}`;
  const authority = `${bracketed(target.host)}:${target.port}`;
  const from = nameAddress(address, hop.port);
  return new Promise((fulfil, reject) => {
    let held: Buffer = Buffer.alloc(0);
    const finish = (error?: DrawbridgeError): void => {
      signal.removeEventListener('abort', abort);
      socket.removeListener('readable', read);
      socket.removeListener('error', fail);
      socket.removeListener('end', end);
      if (error === undefined) {
        fulfil();
        return;
      }
      socket.on('error', () => {});
      socket.destroy();
      reject(error);
    };
    const lost = (code: string, hint: string): void =>
      finish(
        new DrawbridgeError('upstream_unreachable', `${where} gave no way to ${authority}`, {
          why: `${code} ${from}`,
          hint,
        }),
      );
    const fail = (error: NodeJS.ErrnoException): void => lost(error.code ?? error.message, IS_IT_A_PROXY);
    const end = (): void => lost('it closed the connection,', IS_IT_A_PROXY);
    const abort = (): void => lost('ETIMEDOUT', 'The proxy does not answer, or it cannot reach the server.');
    const read = (): void => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) {
        held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
        const answer = readAnswer(held, where, authority, from);
        if (answer === undefined) continue;
        if (answer instanceof DrawbridgeError) finish(answer);
        else {
          if (answer < held.length) socket.unshift(held.subarray(answer));
          finish();
        }
        return;
      }
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort);
    socket.on('readable', read);
    socket.on('error', fail);
    socket.on('end', end);
    const credential = proxy.authorization === undefined ? '' : `Proxy-Authorization: ${proxy.authorization}\r\n`;
    socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credential}\r\n`);
  });
}

const IS_IT_A_PROXY = 'Is this an HTTP proxy? HTTPS_PROXY names it.';

/** Where what follows the answer begins, once the answer is whole; an error where the proxy does not open the way. */
function readAnswer(
  bytes: Buffer,
  where: string,
  authority: string,
  from: string,
): number | DrawbridgeError | undefined {
  try {
    const head = readHead(bytes);
    if (head === undefined) return undefined;
    // A success has no body, whatever its headers say (RFC 9112 §6.3); of a refusal the body does not matter.
    if (head.status >= 200 && head.status <= 299) return head.bytes;
    return refusal(head, where, authority, from);
  } catch (thrown) {
    const why = thrown instanceof DrawbridgeError ? thrown.why : String(thrown);
    return new DrawbridgeError('upstream_unreachable', `${where} did not answer as a proxy`, {
      why: `${why}, from ${from}`,
      hint: IS_IT_A_PROXY,
    });
  }
}

interface AnswerHead {
  readonly status: number;
  readonly statusLine: string;
  readonly bytes: number;
}

function readHead(bytes: Buffer): AnswerHead | undefined {
  const start = bytes.toString('latin1', 0, Math.min(bytes.length, SPEAKS_HTTP.length));
  if (!SPEAKS_HTTP.startsWith(start)) throw invalidResponse('it does not speak HTTP/1.1');
  const end = bytes.indexOf(HEAD_END);
  const text = bytes.toString('latin1', 0, end === -1 ? Math.min(bytes.length, MAX_HEAD_BYTES) : end);
  // A head of bare line feeds would be waited on for an end that never comes.
  if (/(^|[^\r])\n/.test(text)) throw invalidResponse('its answer has a bare line feed');
  if (end > MAX_HEAD_BYTES || (end === -1 && bytes.length > MAX_HEAD_BYTES))
    throw invalidResponse('its answer is too large');
  if (end === -1) return undefined;
  const [statusLine = '', ...headers] = text.split('\r\n');
  if (!headers.every((line) => /^[^\s:]+:/.test(line))) throw invalidResponse('its answer has a malformed header');
  return { status: parseStatusLine(statusLine), statusLine, bytes: end + HEAD_END.length };
}

function refusal({ status, statusLine }: AnswerHead, where: string, authority: string, from: string): DrawbridgeError {
  const why = `HTTP ${statusLine.slice('HTTP/1.1 '.length).slice(0, MAX_REASON_CHARS)} from ${from}`;
  if (status === 407) {
    return new DrawbridgeError(
      'upstream_refused',
      `${where} refused to connect to ${authority} for want of a credential`,
      {
        why,
        hint: 'Put user and password into its URL, as in HTTPS_PROXY=http://user:password@proxy.example:3128',
      },
    );
  }
  const hint =
    status >= 500
      ? 'The proxy cannot reach the server. Is its host name right, and is it running?'
      : 'The proxy does not let this host and port through. NO_PROXY names servers that are reached without it.';
  return new DrawbridgeError('upstream_unreachable', `${where} refused to connect to ${authority}`, { why, hint });
}
