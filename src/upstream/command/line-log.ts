import { cleanLine, type Logger } from '../../log.ts';
import { LineDecoder } from '../../message/line-decoder.ts';

export interface LineLogOptions {
  readonly log: (fields: Readonly<Record<string, unknown>>, message: string) => void;
  /** Told with each line. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Stands before each line, such as `stderr`. */
  readonly what: string;
  readonly secrets: readonly string[];
}

/** Of a line, so much is read. */
const MAX_LINE_BYTES = 2000;
/** A program can write without end: so many lines are logged in so long, the others are counted. */
const LINES_LOGGED = 100;
const WINDOW_MS = 10_000;

/** What a program says, line by line into our log: cleaned, clipped, and so many lines at a time. */
export class LineLog {
  readonly #options: LineLogOptions;
  readonly #decoder: LineDecoder;
  #logged = 0;
  #left = 0;
  #since = Number.NEGATIVE_INFINITY;
  /** The last line that was not empty. */
  lastLine: string | undefined;

  constructor(options: LineLogOptions) {
    this.#options = options;
    this.#decoder = new LineDecoder(
      {
        line: (line) => this.add(line),
        tooLong: (_limit, head) => this.add(head.subarray(0, MAX_LINE_BYTES)),
      },
      MAX_LINE_BYTES,
    );
  }

  push(chunk: Buffer): void {
    this.#decoder.push(chunk);
  }

  /** One whole line. */
  add(bytes: Buffer): void {
    const line = cleanLine(bytes.toString('utf8', 0, MAX_LINE_BYTES), this.#options.secrets).trim();
    if (line === '') return;
    this.lastLine = line;
    const now = performance.now();
    if (now - this.#since > WINDOW_MS) {
      this.#tellLeft();
      this.#since = now;
      this.#logged = 0;
    }
    if (this.#logged++ < LINES_LOGGED) this.#log(line);
    else this.#left++;
  }

  /** Tells a last line that no line end followed, and how many were left out. */
  end(): void {
    this.#decoder.end();
    this.#tellLeft();
  }

  #tellLeft(): void {
    if (this.#left > 0) this.#log(`${this.#left} more lines are not logged`);
    this.#left = 0;
  }

  #log(line: string): void {
    const { log, fields, what } = this.#options;
    log(fields, `${what}: ${line}`);
  }
}

/** Where what a program says on stderr goes: most write their whole log there. */
export function infoOf(logger: Logger): LineLogOptions['log'] {
  return (fields, message) => logger.info(fields, message);
}
