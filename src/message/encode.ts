import type { Message } from './message.ts';

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const PREFIX = 'event: message\ndata: ';
const SUFFIX = '\n\n';

/** The heartbeat: a comment line, which every event stream reader passes over. */
export const SSE_COMMENT = Buffer.from(': ping\n\n');

/** From this size on the bytes are worth a look that spares their copy. */
const LARGE_BYTES = 64 * 1024;
const NEWLINE = Buffer.from('\n');

/** The message as one line for stdio, in pieces: a large one that is on one line already is not copied. */
export function encodeLineParts(message: Message): readonly Buffer[] {
  const { bytes } = message;
  if (bytes.length < LARGE_BYTES || bytes.includes(LF) || bytes.includes(CR)) return [encodeLine(message)];
  return [bytes, NEWLINE];
}

/** The message as one line for stdio, with its newline. */
export function encodeLine(message: Message): Buffer {
  const { bytes } = message;
  const line = Buffer.allocUnsafe(bytes.length + 1);
  copyOnOneLine(bytes, line, 0);
  line[bytes.length] = LF;
  return line;
}

/** The message as one `message` event; `eventId` makes the stream resumable at this point. */
export function encodeEvent(message: Message, eventId?: string): Buffer {
  return frame(message.bytes, eventPrefix(eventId), SUFFIX);
}

/** The same as one chunk of chunked transfer coding (RFC 9112 §7.1). */
export function encodeEventChunk(message: Message, eventId?: string): Buffer {
  const prefix = eventPrefix(eventId);
  const size = prefix.length + message.bytes.length + SUFFIX.length;
  return frame(message.bytes, `${size.toString(16)}\r\n${prefix}`, `${SUFFIX}\r\n`);
}

function eventPrefix(eventId: string | undefined): string {
  return eventId === undefined || eventId === '' ? PREFIX : `id: ${eventId}\n${PREFIX}`;
}

function frame(bytes: Buffer, before: string, after: string): Buffer {
  const framed = Buffer.allocUnsafe(before.length + bytes.length + after.length);
  framed.write(before, 0, 'latin1');
  copyOnOneLine(bytes, framed, before.length);
  framed.write(after, before.length + bytes.length, 'latin1');
  return framed;
}

/** Any other event, such as `endpoint`; `data` is one line. `retryMs` tells when to come back after a cut. */
export function encodeNamedEvent(type: string, data: string, retryMs?: number): Buffer {
  return Buffer.from(`event: ${type}\ndata: ${data}\n${retryMs === undefined ? '' : `retry: ${retryMs}\n`}\n`);
}

/** An event with an id and no data, which makes a stream resumable from its start (MCP 2025-11-25, resumability). */
export function encodePrimingEvent(eventId: string, retryMs: number): Buffer {
  return Buffer.from(`id: ${eventId}\nretry: ${retryMs}\ndata: \n\n`);
}

/** When to come back, in milliseconds; no event. */
export function encodeRetry(retryMs: number): Buffer {
  return Buffer.from(`retry: ${retryMs}\n\n`);
}

/** JSON has raw line ends only between tokens (RFC 8259 §2), where a space means the same. */
function copyOnOneLine(bytes: Buffer, target: Buffer, offset: number): void {
  bytes.copy(target, offset);
  replaceAll(target, LF, offset, offset + bytes.length);
  replaceAll(target, CR, offset, offset + bytes.length);
}

function replaceAll(target: Buffer, byte: number, from: number, end: number): void {
  const range = target.subarray(from, end);
  for (let at = range.indexOf(byte); at !== -1; at = range.indexOf(byte, at + 1)) range[at] = SPACE;
}
