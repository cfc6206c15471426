import { type Message, readMessage } from '../message/message.ts';
import { AMBIGUOUS, elements, type Range, soleMember, stringAt } from '../message/ranges.ts';
import { OPEN_BRACE, OPEN_BRACKET, skipSpace } from '../message/scan.ts';

/**
 * The answer to `tools/list` without the tools that are not available, all other bytes as they were. The message itself
 * where nothing is to be left out, undefined where it cannot be read for certain.
 */
export function withoutTools(message: Message, isAvailable: (name: string) => boolean): Message | undefined {
  const { bytes } = message;
  const tools = findTools(bytes);
  if (tools === undefined) return message;
  if (tools === AMBIGUOUS) return undefined;
  const left = Buffer.allocUnsafe(bytes.length);
  let written = 0;
  /** Up to where the bytes were copied or left out. */
  let done = 0;
  const copy = (start: number, end: number): void => {
    written += bytes.copy(left, written, start, end);
    done = end;
  };
  let isFirst = true;
  let hasKept = false;
  let isChanged = false;
  const end = elements(bytes, tools.start, (tool) => {
    if (isFirst) copy(0, tool.start);
    isFirst = false;
    if (!isAvailableTool(bytes, tool, isAvailable)) {
      isChanged = true;
      done = tool.end;
      return;
    }
    // The comma that stands before a tool goes with it, except where everything before was left out.
    copy(hasKept ? done : tool.start, tool.end);
    hasKept = true;
  });
  if (end === undefined) return undefined;
  if (!isChanged) return message;
  copy(done, bytes.length);
  return readMessage(left.subarray(0, written));
}

/** The array of tools; undefined where the answer has none, as an error has. */
function findTools(bytes: Buffer): Range | typeof AMBIGUOUS | undefined {
  const result = soleMember(bytes, skipSpace(bytes, 0), 'result');
  if (result === undefined || result === AMBIGUOUS) return result;
  if (bytes[result.start] !== OPEN_BRACE) return undefined;
  const tools = soleMember(bytes, result.start, 'tools');
  if (tools === undefined || tools === AMBIGUOUS) return tools;
  return bytes[tools.start] === OPEN_BRACKET ? tools : undefined;
}

/** A tool without a name that can be read could not be called either. */
function isAvailableTool(bytes: Buffer, tool: Range, isAvailable: (name: string) => boolean): boolean {
  const range = soleMember(bytes, tool.start, 'name');
  const name = typeof range === 'object' ? stringAt(bytes, range) : undefined;
  return name !== undefined && isAvailable(name);
}
