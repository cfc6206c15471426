import { DrawbridgeError } from '../errors.ts';

export interface ResponseHead {
  readonly status: number;
  /** By lower-case name; a repeated header's values are joined with `, `. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface ResponseReaderEvents {
  head(head: ResponseHead): void;
  /** Bytes of the body. */
  data(chunk: Buffer): void;
  /** The response is complete; `isReusable` tells whether the connection can carry another. */
  end(isReusable: boolean): void;
}

const MAX_HEAD_BYTES = 64 * 1024;
const MAX_HEADERS = 256;
const MAX_CHUNK_LINE_BYTES = 256;
const HEAD_END = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

type State = 'head' | 'counted' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers' | 'until-close' | 'done';

/**
 * Reads HTTP/1.1 responses (RFC 9112) from the upstream we chose, strictly: conflicting or malformed lengths, folded
 * headers, bare line feeds in the head and bytes after the end are errors, thrown as `upstream_invalid`.
 */
export class HttpResponseReader {
  readonly #events: ResponseReaderEvents;
  #state: State = 'head';
  #held: Buffer = EMPTY;
  #remaining = 0;
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
    if (end === -1) {
      this.#held = this.#held.length === 0 ? Buffer.from(chunk) : bytes;
      return EMPTY;
    }
    this.#held = EMPTY;
    const rest = bytes.subarray(end + 4);
    const lines = bytes.toString('latin1', 0, end).split('\r\n');
    const status = parseStatusLine(lines[0] ?? '');
    // 100 and 103 announce the response proper; 101 was never asked for.
    if (status === 101) throw invalid('it switched protocols');
    if (status < 200) return rest;
    const headers = parseHeaders(lines);
    this.#beginBody(status, headers, (lines[0] ?? '').startsWith('HTTP/1.1'));
    return rest;
  }

  #beginBody(status: number, headers: ReadonlyMap<string, string>, isHttp11: boolean): void {
    const length = headers.get('content-length');
    const coding = headers.get('transfer-encoding');
    const connection = headers.get('connection')?.toLowerCase() ?? '';
    if (!isHttp11 || /\bclose\b/.test(connection)) this.#isReusable = false;
    if (length !== undefined && coding !== undefined) throw invalid('it gave both a length and a transfer coding');
    if (headers.get('content-encoding') !== undefined && headers.get('content-encoding') !== 'identity') {
      throw invalid('it compressed its response, which was not asked for');
    }
    if (status === 204 || status === 304) this.#state = 'done';
    else if (coding !== undefined) {
      if (coding.toLowerCase() !== 'chunked') throw invalid('it used an unknown transfer coding');
      this.#state = 'chunk-size';
    } else if (length !== undefined) {
      if (!/^\d{1,15}$/.test(length)) throw invalid('it gave a malformed Content-Length');
      this.#remaining = Number(length);
      this.#state = this.#remaining === 0 ? 'done' : 'counted';
    } else {
      this.#isReusable = false;
      this.#state = 'until-close';
    }
    const isComplete = this.#state === 'done';
    this.#events.head({ status, headers });
    if (isComplete) this.#events.end(this.#isReusable);
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
    const lf = chunk.indexOf(0x0a);
    const part = lf === -1 ? chunk : chunk.subarray(0, lf + 1);
    if (this.#held.length + part.length > MAX_CHUNK_LINE_BYTES) throw invalid('a line of its chunked body is too long');
    const line = this.#held.length === 0 ? part : Buffer.concat([this.#held, part]);
    if (lf === -1) {
      this.#held = Buffer.from(line);
      return EMPTY;
    }
    this.#held = EMPTY;
    if (line.length < 2 || line[line.length - 2] !== 0x0d) throw invalid('a line of its chunked body ends wrongly');
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

function parseStatusLine(line: string): number {
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: .*)?$/.exec(line)?.[1];
  if (status === undefined) throw invalid('it does not speak HTTP/1.1');
  return Number(status);
}

function parseHeaders(lines: readonly string[]): Map<string, string> {
  if (lines.length > MAX_HEADERS) throw invalid('its response has too many headers');
  const headers = new Map<string, string>();
  for (let index = 1; index < lines.length; index++) {
    const line = lines[index]!;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (colon < 1 || !TOKEN.test(name)) throw invalid('its response has a malformed header');
    const value = line.slice(colon + 1).trim();
    if (/[\0\r\n]/.test(value)) throw invalid('its response has a malformed header');
    const earlier = headers.get(name);
    if (earlier !== undefined && name === 'content-length' && earlier !== value) {
      throw invalid('it gave two different lengths');
    }
    headers.set(name, earlier === undefined || name === 'content-length' ? value : `${earlier}, ${value}`);
  }
  return headers;
}

function invalid(why: string): DrawbridgeError {
  return new DrawbridgeError('upstream_invalid', 'the MCP server sent a response that is not HTTP as it should be', {
    why,
  });
}
