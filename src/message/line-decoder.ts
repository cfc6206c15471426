/** What a LineDecoder tells; each line comes without its line end. */
export interface LineDecoderEvents {
  line(line: Buffer): void;
  /** A line grew past `maxLineBytes`; it was dropped, and reading goes on after its end. Told once a line. */
  tooLong(maxLineBytes: number): void;
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * The framing of MCP's stdio transport: one message a line, `\n` or `\r\n`. Linear in the input however it is cut;
 * holds at most `maxLineBytes`. Blank lines are skipped, and so is a byte order mark at the very start.
 */
export class LineDecoder {
  readonly #events: LineDecoderEvents;
  readonly #maxLineBytes: number;
  #parts: Buffer[] = [];
  #heldBytes = 0;
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
    if (this.#heldBytes + part.length > this.#maxLineBytes) {
      this.#parts = [];
      this.#heldBytes = 0;
      this.#isDropping = true;
      this.#events.tooLong(this.#maxLineBytes);
      return;
    }
    this.#parts.push(part);
    this.#heldBytes += part.length;
  }

  #finish(part: Buffer): void {
    this.#hold(part);
    const wasDropping = this.#isDropping;
    let line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts, this.#heldBytes);
    this.#parts = [];
    this.#heldBytes = 0;
    this.#isDropping = false;
    if (wasDropping) return;
    if (line[line.length - 1] === CR) line = line.subarray(0, -1);
    if (this.#isFirst && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf) line = line.subarray(3);
    this.#isFirst = false;
    if (line.length > 0) this.#events.line(line);
  }
}
