import { DrawbridgeError } from '../../errors.ts';
import type { Policy, Refusal } from '../refusal.ts';

/** Reads the body of a POST, up to `maxBodyBytes`; a Content-Length that says more is refused before a byte is read. */
export function readBody(maxBodyBytes: number): Policy {
  const tooLarge = (): Refusal => ({
    error: new DrawbridgeError('body_too_large', `the body is larger than ${maxBodyBytes} bytes`),
    closes: true,
  });
  return (context) => {
    const { req } = context;
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
    return new Promise((fulfil) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      req.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= maxBodyBytes) parts.push(chunk);
        else {
          req.removeAllListeners('data');
          req.pause();
          fulfil(tooLarge());
        }
      });
      req.on('end', () => {
        context.body = parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes);
        fulfil(undefined);
      });
      // Node tells a body that breaks off by an error; 'close' would come with every request.
      const breakOff = (): void => {
        fulfil({ error: new DrawbridgeError('bad_request', 'the request ended before its body'), closes: true });
      };
      req.on('error', breakOff);
      // Over HTTP/2 it does not.
      req.on('aborted', breakOff);
    });
  };
}
