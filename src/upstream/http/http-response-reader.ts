import {
  invalidResponse as invalid,
  type ParsedResponseHead,
  parseResponseHead,
  parseStatusLine,
  type ResponseHead,
} from './http-response-head.ts';

export interface ResponseReaderEvents {
  head(head: ResponseHead): void;
  /** Bytes of the body. */
  data(chunk: Buffer): void;
  /** The response is complete; `isReusable` tells whether the connection can carry another. */
  end(isReusable: boolean): void;
}

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_CHUNK_LINE_BYTES = 256;
const LF = 0x0a;
const CR = 0x0d;
const HEAD_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);

type State = 'head' | ParsedResponseHead['framing'] | 'chunk-data' | 'chunk-end' | 'trailers';

/**
 * Reads HTTP/1.1 responses (RFC 9112) from the upstream we chose, strictly: conflicting or malformed lengths, folded
 * headers, bare line feeds in the head and bytes after the end are errors, thrown as `upstream_invalid`.
 */
export class HttpResponseReader {
  readonly #events: ResponseReaderEvents;
  #state: State = 'head';
  #held: Buffer = EMPTY;
  #remaining = 0;
  #lastHeadBytes: Buffer = EMPTY;
  #lastHead: ParsedResponseHead | undefined;
  #isReusable = true;

  constructor(events: ResponseReaderEvents) {
    this.#events = events;
  }

  /** Whether a response has begun to arrive and is not complete. */
  get isMidway(): boolean {
    return this.#state === 'head' ? this.#held.length > 0 : this.#state !== 'done';
  }

  /** Makes ready for the response to the next request on the same connection. */
  reset(): void {
    this.#state = 'head';
    this.#held = EMPTY;
    this.#isReusable = true;
  }

  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      switch (this.#state) {
        case 'head':
          at = this.#readHead(chunk, at);
          break;
        case 'counted':
        case 'chunk-data':
          at = this.#readCounted(chunk, at);
          break;
        case 'until-close':
          this.#events.data(at === 0 ? chunk : chunk.subarray(at));
          return;
        case 'done':
          throw invalid('it sent bytes after the end of its response');
        default:
          at = this.#readShortLine(chunk, at) ?? this.#readLine(chunk, at);
      }
    }
  }

  /** The connection was closed by the peer; true where that completes the response. */
  close(): boolean {
    if (this.#state !== 'until-close') return false;
    this.#state = 'done';
    this.#events.end(false);
    return true;
  }

  #readHead(chunk: Buffer, from: number): number {
    const heldBytes = this.#held.length;
    const bytes = heldBytes === 0 ? chunk : Buffer.concat([this.#held, chunk.subarray(from)]);
    const start = heldBytes === 0 ? from : 0;
    // The end may begin in what was held, but no earlier than three bytes before the new bytes.
    const end = bytes.indexOf(HEAD_END, Math.max(start, heldBytes - 3));
    if ((end === -1 ? bytes.length : end) - start > MAX_HEAD_BYTES) throw invalid('its response head is too large');
    if (end === -1) {
      refuseTls(bytes, start);
      refuseBareLineFeed(bytes, start + heldBytes, bytes.length);
      // A peer that speaks something else, and then waits for us, is known by its first line.
      const lineEnd = bytes.indexOf('\r\n', start);
      if (lineEnd !== -1) parseStatusLine(bytes.toString('latin1', start, lineEnd));
      this.#held = heldBytes === 0 ? Buffer.from(chunk.subarray(from)) : bytes;
      return chunk.length;
    }
    this.#held = EMPTY;
    const parsed = this.#parseHead(bytes, start, end);
    const next = end + HEAD_END.length + (heldBytes === 0 ? 0 : from - heldBytes);
    // 100 and 103 announce the response proper.
    if (parsed.head.status < 200) return next;
    this.#isReusable = parsed.isReusable;
    this.#remaining = parsed.length;
    this.#state = parsed.framing;
    this.#events.head(parsed.head);
    if (parsed.framing === 'done') this.#events.end(this.#isReusable);
    return next;
  }

  /** Servers answer one POST like the next, so most heads were read before. */
  #parseHead(bytes: Buffer, start: number, end: number): ParsedResponseHead {
    const isKnown = this.#lastHeadBytes.length === end - start && this.#lastHeadBytes.compare(bytes, start, end) === 0;
    if (this.#lastHead === undefined || !isKnown) {
      refuseBareLineFeed(bytes, start, end);
      this.#lastHeadBytes = Buffer.from(bytes.subarray(start, end));
      this.#lastHead = parseResponseHead(this.#lastHeadBytes);
    }
    return this.#lastHead;
  }

  #readCounted(chunk: Buffer, from: number): number {
    const taken = Math.min(chunk.length - from, this.#remaining);
    this.#remaining -= taken;
    const isLast = this.#remaining === 0;
    if (isLast) this.#state = this.#state === 'counted' ? 'done' : 'chunk-end';
    this.#events.data(taken === chunk.length ? chunk : chunk.subarray(from, from + taken));
    if (isLast && this.#state === 'done') this.#events.end(this.#isReusable);
    return from + taken;
  }

  /** The common lines of chunked coding, where they stand whole: a bare size, and the empty line after a chunk. */
  #readShortLine(chunk: Buffer, from: number): number | undefined {
    if (this.#held.length > 0) return undefined;
    let at = from;
    let size = 0;
    if (this.#state === 'chunk-size') {
      for (let digit = hexDigit(chunk[at]); digit !== -1 && at - from < 7; digit = hexDigit(chunk[++at]))
        size = size * 16 + digit;
      if (at === from || size === 0) return undefined;
    } else if (this.#state !== 'chunk-end') return undefined;
    if (chunk[at] !== CR || chunk[at + 1] !== LF) return undefined;
    this.#state = this.#state === 'chunk-end' ? 'chunk-size' : 'chunk-data';
    this.#remaining = size;
    return at + 2;
  }

  /** Any line of chunked coding: sizes with extensions, the empty line after each chunk, trailers (read and forgotten). */
  #readLine(chunk: Buffer, from: number): number {
    const lf = chunk.indexOf(LF, from);
    const part = chunk.subarray(from, lf === -1 ? chunk.length : lf + 1);
    if (this.#held.length + part.length > MAX_CHUNK_LINE_BYTES) throw invalid('a line of its chunked body is too long');
    const line = this.#held.length === 0 ? part : Buffer.concat([this.#held, part]);
    if (lf === -1) {
      this.#held = Buffer.from(line);
      return chunk.length;
    }
    this.#held = EMPTY;
    if (line.length < 2 || line[line.length - 2] !== CR) throw invalid('a line of its chunked body ends wrongly');
    const text = line.toString('latin1', 0, line.length - 2);
    if (this.#state === 'chunk-end') {
      if (text !== '') throw invalid('a chunk is longer than it said');
      this.#state = 'chunk-size';
    } else if (this.#state === 'trailers') {
      if (text === '') {
        this.#state = 'done';
        this.#events.end(this.#isReusable);
      }
    } else {
      const size = /^([0-9A-Fa-f]{1,8})(?:\s*;.*)?$/.exec(text)?.[1];
      if (size === undefined) throw invalid('it gave a malformed chunk size');
      this.#remaining = Number.parseInt(size, 16);
      this.#state = this.#remaining === 0 ? 'trailers' : 'chunk-data';
    }
    return lf + 1;
  }
}

/** The value of a hexadecimal digit; -1 for any other byte. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

/** A server of TLS answers plain HTTP with an alert (RFC 8446 §6), which has no line end to wait for. */
function refuseTls(bytes: Buffer, from: number): void {
  if (bytes[from] === 0x15 && (bytes[from + 1] ?? 0x03) === 0x03) {
    throw invalid('it answered in TLS', 'Begin the URL with https://.');
  }
}

/** A head of bare line feeds would be waited on for an end that never comes. */
function refuseBareLineFeed(bytes: Buffer, from: number, end: number): void {
  for (let lf = bytes.indexOf(LF, from); lf !== -1 && lf < end; lf = bytes.indexOf(LF, lf + 1)) {
    if (bytes[lf - 1] !== CR) throw invalid('its response head has a bare line feed');
  }
}
