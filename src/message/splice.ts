import { type Message, readMessage } from './message.ts';
import type { Range } from './ranges.ts';

/** A piece of a message that another text takes the place of; an empty range inserts. */
export interface Replacement {
  readonly at: Range;
  readonly text: string;
}

/** The message with these pieces replaced, which must not overlap; every other byte stays, and who made it. */
export function splice({ bytes, failure }: Message, replacements: readonly Replacement[]): Message {
  const parts: Buffer[] = [];
  let from = 0;
  for (const { at, text } of [...replacements].sort((one, other) => one.at.start - other.at.start)) {
    parts.push(bytes.subarray(from, at.start), Buffer.from(text));
    from = at.end;
  }
  parts.push(bytes.subarray(from));
  const spliced = readMessage(Buffer.concat(parts));
  return failure === undefined ? spliced : { ...spliced, failure };
}
