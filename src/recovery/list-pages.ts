import type { Message } from '../message/message.ts';

export interface ListKind {
  /** The member of the result that holds the entries. */
  readonly member: string;
  /** The notification that tells of a change. */
  readonly changed: string;
}

/** A list of more bytes is not kept; it counts as changed. */
const MAX_KEPT_BYTES = 8 * 1024 * 1024;

interface Page {
  readonly entries: readonly unknown[];
  readonly nextCursor: string | undefined;
}

/** The answers to one walk through a list, page by page. */
export class ListPages {
  #answers: Message[] = [];
  #bytes = 0;

  /** Nothing is read of an answer before it must be compared. */
  add(answer: Message): void {
    this.#bytes += answer.bytes.length;
    if (this.#bytes > MAX_KEPT_BYTES) this.#answers = [];
    else this.#answers.push(answer);
  }

  /** Whether the client got a list from these answers, and not errors alone. */
  isKnown(kind: ListKind): boolean {
    return this.#bytes > MAX_KEPT_BYTES || this.#answers.some((answer) => readPage(answer, kind) !== undefined);
  }

  /**
   * Whether both walks gave the same entries, in the same order, however they were cut into pages. The client may not
   * have walked to the end: then as many entries are compared as it has seen.
   */
  isSameAs(other: ListPages, kind: ListKind): boolean {
    const mine = this.#entries(kind);
    const others = other.#entries(kind);
    if (mine === undefined || others === undefined) return false;
    if (this.#isWhole(kind) && mine.length !== others.length) return false;
    return mine.every((entry, index) => entry === others[index]);
  }

  /** The cursor of the next page; undefined after the last one. */
  nextCursor(kind: ListKind): string | undefined {
    const last = this.#answers.at(-1);
    return last === undefined ? undefined : readPage(last, kind)?.nextCursor;
  }

  #isWhole(kind: ListKind): boolean {
    return this.nextCursor(kind) === undefined;
  }

  #entries(kind: ListKind): string[] | undefined {
    if (this.#bytes > MAX_KEPT_BYTES) return undefined;
    return this.#answers.flatMap((answer) =>
      (readPage(answer, kind)?.entries ?? []).map((entry) => JSON.stringify(entry)),
    );
  }
}

function readPage(answer: Message, { member }: ListKind): Page | undefined {
  try {
    const { result } = JSON.parse(answer.bytes.toString()) as { result?: Record<string, unknown> };
    const entries = result?.[member];
    if (!Array.isArray(entries)) return undefined;
    const nextCursor = result?.['nextCursor'];
    return { entries, nextCursor: typeof nextCursor === 'string' ? nextCursor : undefined };
  } catch {
    return undefined;
  }
}
