/** What a LineDecoder tells; each line comes without its line end. */
export interface LineDecoderEvents {
  line(line: Buffer): void;
  /**
   * A line grew past `maxLineBytes`; it was dropped, and reading goes on after its end. Told once a line, with at most
   * 64 KiB of its beginning.
   */
  tooLong(maxLineBytes: number, head: Buffer): void;
}

const LF = 0x0a;
const CR = 0x0d;
/** Where the id of a message usually stands. */
const HEAD_BYTES = 64 * 1024;
/** So many parts in a row are joined where they hold less than a KiB each: small buffers cost more than what they hold. */
const RUN_PARTS = 256;

/**
 * The framing of MCP's stdio transport: one message a line, `\n` or `\r\n`. Linear in the input however it is cut;
 * holds at most `maxLineBytes`. Blank lines are skipped, and so is a byte order mark at the very start.
 */
export class LineDecoder {
  readonly #events: LineDecoderEvents;
  readonly #maxLineBytes: number;
  #parts: Buffer[] = [];
  #heldBytes = 0;
  /** The parts and bytes that were looked at for joining. */
  #settledParts = 0;
  #settledBytes = 0;
  #isDropping = false;
  #isFirst = true;

  constructor(events: LineDecoderEvents, maxLineBytes: number) {
    this.#events = events;
    this.#maxLineBytes = maxLineBytes;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      this.#finish(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#hold(chunk.subarray(start));
  }

  /** Tells a last line that no line end followed. */
  end(): void {
    if (this.#heldBytes > 0 && !this.#isDropping) this.#finish(Buffer.alloc(0));
  }

  #hold(part: Buffer): void {
    if (this.#isDropping) return;
    this.#parts.push(part);
    this.#heldBytes += part.length;
    if (this.#heldBytes > this.#maxLineBytes) this.#drop();
    else if (this.#parts.length - this.#settledParts === RUN_PARTS) this.#settleRun();
  }

  #settleRun(): void {
    const bytes = this.#heldBytes - this.#settledBytes;
    if (bytes < RUN_PARTS * 1024) this.#parts.push(Buffer.concat(this.#parts.splice(this.#settledParts), bytes));
    this.#settledParts = this.#parts.length;
    this.#settledBytes = this.#heldBytes;
  }

  #release(): void {
    this.#parts = [];
    this.#heldBytes = 0;
    this.#settledParts = 0;
    this.#settledBytes = 0;
  }

  #drop(): void {
    const head = Buffer.concat(this.#parts, Math.min(this.#heldBytes, HEAD_BYTES));
    this.#release();
    this.#isDropping = true;
    const hasMark = this.#isFirst && startsWithMark(head);
    this.#events.tooLong(this.#maxLineBytes, hasMark ? head.subarray(3) : head);
  }

  #finish(part: Buffer): void {
    this.#hold(part);
    const wasDropping = this.#isDropping;
    let line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.#heldBytes);
    this.#release();
    this.#isDropping = false;
    if (wasDropping) {
      this.#isFirst = false;
      return;
    }
    if (line[line.length - 1] === CR) line = line.subarray(0, -1);
    if (this.#isFirst && startsWithMark(line)) line = line.subarray(3);
    this.#isFirst = false;
    if (line.length > 0) this.#events.line(line);
  }
}

function startsWithMark(bytes: Buffer): boolean {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
}
