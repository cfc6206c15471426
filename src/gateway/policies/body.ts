import type { IncomingMessage } from 'node:http';
import { DrawbridgeError } from '../../errors.ts';
import { askForBody } from '../listener/expectations.ts';
import type { Policy, Refusal, Verdict } from '../refusal.ts';
import type { RequestContext } from '../request-context.ts';

/** From the head of a request to the end of its body; a little less than the listener's own 30 s, which says less. */
export const BODY_TIMEOUT_MS = 28_000;

/**
 * Reads the body of a POST, up to `maxBodyBytes`; a Content-Length that says more is refused before a byte is read, and
 * a body that is not whole within `timeoutMs` with 408.
 */
export function readBody(maxBodyBytes: number, timeoutMs = BODY_TIMEOUT_MS): Policy {
  const tooLarge = (): Refusal => ({
    error: new DrawbridgeError('body_too_large', `the body is larger than ${maxBodyBytes} bytes`),
    closes: true,
  });
  return (context) => {
    const { req, res } = context;
    if (req.method !== 'POST') return undefined;
    if (Number(req.headers['content-length'] ?? 0) > maxBodyBytes) return tooLarge();
    if (req.readableEnded || req.readableDidRead) {
      return { error: new DrawbridgeError('body_consumed', 'something before the gateway has read the body already') };
    }
    // A small message has arrived whole by now; taking it at once saves what a stream costs.
    if (req.complete && req.readableLength <= maxBodyBytes) {
      context.body = (req.read() as Buffer | null) ?? Buffer.alloc(0);
      return undefined;
    }
    if (!req.complete) askForBody(req, res);
    return collect(context, maxBodyBytes, timeoutMs, tooLarge);
  };
}

function collect(
  context: RequestContext,
  maxBodyBytes: number,
  timeoutMs: number,
  tooLarge: () => Refusal,
): Promise<Verdict> {
  const { req } = context;
  return new Promise((fulfil) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(() => {
      stopReading(req);
      settle({ error: new DrawbridgeError('body_timeout', 'the body did not come in time'), closes: 'at once' });
    }, timeoutMs);
    timer.unref();
    const settle = (verdict: Verdict): void => {
      clearTimeout(timer);
      fulfil(verdict);
    };
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBodyBytes) parts.push(chunk);
      else {
        stopReading(req);
        settle(tooLarge());
      }
    });
    req.on('end', () => {
      context.body = parts.length === 1 ? parts[0]! : Buffer.concat(parts, Math.min(bytes, maxBodyBytes));
      settle(undefined);
    });
    // Node tells a body that breaks off by an error; 'close' would come with every request.
    const breakOff = (): void => {
      settle({ error: new DrawbridgeError('bad_request', 'the request ended before its body'), closes: true });
    };
    req.on('error', breakOff);
    // Over HTTP/2 it does not.
    req.on('aborted', breakOff);
  });
}

function stopReading(req: IncomingMessage): void {
  req.removeAllListeners('data');
  req.pause();
}
