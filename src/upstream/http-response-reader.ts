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
    let rest = chunk;
    while (rest.length > 0) {
      switch (this.#state) {
        case 'head':
          rest = this.#readHead(rest);
          break;
        case 'counted':
        case 'chunk-data':
          rest = this.#readCounted(rest);
          break;
        case 'until-close':
          this.#events.data(rest);
          return;
        case 'done':
          throw invalid('it sent bytes after the end of its response');
        default:
          rest = this.#readLine(rest);
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

  #readHead(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    // The end may begin in what was held, but no earlier than three bytes before the new bytes.
    const end = bytes.indexOf(HEAD_END, Math.max(0, this.#held.length - 3));
    if ((end === -1 ? bytes.length : end) > MAX_HEAD_BYTES) throw invalid('its response head is too large');
    refuseBareLineFeed(bytes, this.#held.length, end === -1 ? bytes.length : end);
    if (end === -1) {
      // A peer that speaks something else, and then waits for us, is known by its first line.
      const lineEnd = bytes.indexOf('\r\n');
      if (lineEnd !== -1) parseStatusLine(bytes.toString('latin1', 0, lineEnd));
      this.#held = this.#held.length === 0 ? Buffer.from(chunk) : bytes;
      return EMPTY;
    }
    this.#held = EMPTY;
    const rest = bytes.subarray(end + 4);
    // Servers answer one POST like the next, so most heads were read before.
    if (this.#lastHead === undefined || !this.#lastHeadBytes.equals(bytes.subarray(0, end))) {
      this.#lastHeadBytes = Buffer.from(bytes.subarray(0, end));
      this.#lastHead = parseResponseHead(this.#lastHeadBytes);
    }
    const parsed = this.#lastHead;
    // 100 and 103 announce the response proper.
    if (parsed.head.status < 200) return rest;
    this.#isReusable = parsed.isReusable;
    this.#remaining = parsed.length;
    this.#state = parsed.framing;
    this.#events.head(parsed.head);
    if (parsed.framing === 'done') this.#events.end(this.#isReusable);
    return rest;
  }

  #readCounted(chunk: Buffer): Buffer {
    const taken = Math.min(chunk.length, this.#remaining);
    this.#remaining -= taken;
    const isLast = this.#remaining === 0;
    if (isLast) this.#state = this.#state === 'counted' ? 'done' : 'chunk-end';
    this.#events.data(taken === chunk.length ? chunk : chunk.subarray(0, taken));
    if (isLast && this.#state === 'done') this.#events.end(this.#isReusable);
    return chunk.subarray(taken);
  }

  /** The short lines of chunked coding: sizes, the empty line after each chunk, trailers (read and forgotten). */
  #readLine(chunk: Buffer): Buffer {
    const lf = chunk.indexOf(LF);
    const part = lf === -1 ? chunk : chunk.subarray(0, lf + 1);
    if (this.#held.length + part.length > MAX_CHUNK_LINE_BYTES) throw invalid('a line of its chunked body is too long');
    const line = this.#held.length === 0 ? part : Buffer.concat([this.#held, part]);
    if (lf === -1) {
      this.#held = Buffer.from(line);
      return EMPTY;
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
    return chunk.subarray(lf + 1);
  }
}

/** A head of bare line feeds would be waited on for an end that never comes. */
function refuseBareLineFeed(bytes: Buffer, from: number, end: number): void {
  for (let lf = bytes.indexOf(LF, from); lf !== -1 && lf < end; lf = bytes.indexOf(LF, lf + 1)) {
    if (bytes[lf - 1] !== CR) throw invalid('its response head has a bare line feed');
  }
}
