/** One event of an event stream (WHATWG HTML §9.2.6). */
export interface SseEvent {
  /** `message` where the stream named none. */
  readonly type: string;
  readonly data: Buffer;
  /** The last event id of the stream so far; empty where it gave none. */
  readonly id: string;
}

export interface SseDecoderEvents {
  event(event: SseEvent): void;
  /** An id with no data: a priming event, from which the stream may be resumed. */
  primed?(id: string): void;
  /** The reconnection time that the stream asks for, in milliseconds. */
  retry?(retryMs: number): void;
  /** The stream held more than `maxEventBytes` without ending an event; the decoder takes nothing more. */
  tooLarge(maxEventBytes: number): void;
}

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const DATA = Buffer.from('data');
const EMPTY = Buffer.alloc(0);
/** What a line may have beside its data: a byte order mark and `data: `. */
const LINE_OVERHEAD_BYTES = 9;

/**
 * Decodes an event stream, bytes in and bytes out, in linear time however it is cut: a line that spans many chunks is
 * joined once, at its end. Takes LF, CRLF and CR line ends and a byte order mark; holds at most `maxEventBytes`.
 */
export class SseDecoder {
  readonly #events: SseDecoderEvents;
  readonly #maxEventBytes: number;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #data: Buffer[] = [];
  #dataBytes = 0;
  #type = '';
  #id = '';
  #hasNewId = false;
  #isAfterCr = false;
  #isFirstLine = true;
  #isFull = false;

  constructor(events: SseDecoderEvents, maxEventBytes: number) {
    this.#events = events;
    this.#maxEventBytes = maxEventBytes;
  }

  get lastEventId(): string {
    return this.#id;
  }

  push(chunk: Buffer): void {
    let start = 0;
    // Each is looked for anew only once it is passed, so a chunk is searched once for each of the two.
    let lf = chunk.indexOf(LF);
    let cr = chunk.indexOf(CR);
    while (start < chunk.length && !this.#isFull) {
      if (this.#isAfterCr) {
        this.#isAfterCr = false;
        if (chunk[start] === LF) {
          start++;
          if (lf !== -1 && lf < start) lf = chunk.indexOf(LF, start);
          continue;
        }
      }
      const end = cr !== -1 && (lf === -1 || cr < lf) ? cr : lf;
      if (end === -1) {
        this.#hold(chunk.subarray(start));
        return;
      }
      this.#endLine(chunk.subarray(start, end));
      start = end + 1;
      if (end === cr) {
        this.#isAfterCr = true;
        cr = chunk.indexOf(CR, start);
      } else {
        lf = chunk.indexOf(LF, start);
      }
    }
  }

  #hold(part: Buffer): void {
    this.#partBytes += part.length;
    if (this.#partBytes + this.#dataBytes > this.#maxEventBytes + LINE_OVERHEAD_BYTES) this.#overflow();
    else this.#parts.push(part);
  }

  #overflow(): void {
    this.#isFull = true;
    this.#parts = [];
    this.#data = [];
    this.#events.tooLarge(this.#maxEventBytes);
  }

  #endLine(rest: Buffer): void {
    let line = rest;
    if (this.#parts.length > 0) {
      this.#hold(rest);
      if (this.#isFull) return;
      line = Buffer.concat(this.#parts, this.#partBytes);
      this.#parts = [];
      this.#partBytes = 0;
    }
    if (this.#isFirstLine) {
      this.#isFirstLine = false;
      if (line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf) line = line.subarray(3);
    }
    if (line.length === 0) this.#dispatch();
    else if (line[0] !== COLON) this.#field(line);
  }

  #field(line: Buffer): void {
    const colon = line.indexOf(COLON);
    const nameEnd = colon === -1 ? line.length : colon;
    const valueStart = colon === -1 ? line.length : line[colon + 1] === SPACE ? colon + 2 : colon + 1;
    if (nameEnd === 4 && line.compare(DATA, 0, 4, 0, 4) === 0) {
      // With the line feed that joins it to the line before, so that lines without data count too.
      this.#dataBytes += line.length - valueStart + (this.#data.length === 0 ? 0 : 1);
      if (this.#dataBytes > this.#maxEventBytes) this.#overflow();
      else this.#data.push(valueStart === line.length ? EMPTY : line.subarray(valueStart));
      return;
    }
    switch (line.toString('latin1', 0, nameEnd)) {
      case 'event':
        this.#type = line.toString('utf8', valueStart, line.length);
        break;
      case 'id': {
        const id = line.toString('utf8', valueStart, line.length);
        // An id goes back to the server in a header: what no header can carry is passed over.
        if (/^[\x20-\x7e]{0,1024}$/.test(id)) {
          this.#id = id;
          this.#hasNewId = id !== '';
        }
        break;
      }
      case 'retry': {
        const digits = line.toString('latin1', valueStart, line.length);
        if (/^\d{1,9}$/.test(digits)) this.#events.retry?.(Number(digits));
      }
    }
  }

  #dispatch(): void {
    const parts = this.#data;
    const type = this.#type;
    const hasNewId = this.#hasNewId;
    this.#type = '';
    this.#hasNewId = false;
    if (parts.length === 0 || (parts.length === 1 && parts[0]!.length === 0)) {
      if (parts.length > 0) this.#data = [];
      this.#dataBytes = 0;
      if (hasNewId) this.#events.primed?.(this.#id);
      return;
    }
    this.#data = [];
    this.#dataBytes = 0;
    const data = parts.length === 1 ? parts[0]! : joinLines(parts);
    this.#events.event({ type: type === '' ? 'message' : type, data, id: this.#id });
  }
}

function joinLines(parts: readonly Buffer[]): Buffer {
  const spaced: Buffer[] = [];
  for (const [index, part] of parts.entries()) {
    if (index > 0) spaced.push(NEWLINE);
    spaced.push(part);
  }
  return Buffer.concat(spaced);
}

const NEWLINE = Buffer.from('\n');
