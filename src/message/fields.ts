import type { Message } from './message.ts';
import { idKey } from './peek.ts';
import { AMBIGUOUS, type Range, soleMember, stringAt } from './ranges.ts';
import { skipSpace } from './scan.ts';

/** The token under which a request wants to be told of its progress, as its own JSON text. */
export function progressTokenOf(request: Message): string | undefined {
  return textAt(request, findField(request, ['params', '_meta', 'progressToken']));
}

/** The key of the request that a `notifications/cancelled` names. */
export function cancelledKeyOf(cancellation: Message): string | undefined {
  const id = textAt(cancellation, findField(cancellation, ['params', 'requestId']));
  return id === undefined ? undefined : idKey(id);
}

/** The name of the tool that a `tools/call` names; undefined where it has none, or two readers could read two. */
export function toolNameOf(call: Message): string | undefined {
  const range = findField(call, ['params', 'name']);
  return range === undefined ? undefined : stringAt(call.bytes, range);
}

export interface Progress {
  /** The token, as its own JSON text. */
  readonly token: string;
  readonly progress: number;
  /** Where that number stands. */
  readonly at: Range;
}

/** What a `notifications/progress` tells; undefined where it is none as it should be. */
export function progressOf(notification: Message): Progress | undefined {
  const token = textAt(notification, findField(notification, ['params', 'progressToken']));
  const at = findField(notification, ['params', 'progress']);
  if (token === undefined || at === undefined) return undefined;
  const progress = Number(notification.bytes.toString('latin1', at.start, at.end));
  return Number.isFinite(progress) ? { token, progress, at } : undefined;
}

/** The value that this path of member names leads to; undefined where there is none, or it is not the only one. */
export function findField({ bytes }: Message, path: readonly string[]): Range | undefined {
  let at: Range = { start: skipSpace(bytes, 0), end: bytes.length };
  for (const name of path) {
    const next = soleMember(bytes, at.start, name);
    if (next === undefined || next === AMBIGUOUS) return undefined;
    at = next;
  }
  return at;
}

/** A string or number, which is what ids and tokens are. */
function textAt({ bytes }: Message, range: Range | undefined): string | undefined {
  const text = range === undefined ? '' : bytes.toString('utf8', range.start, range.end);
  return /^["\d-]/.test(text) ? text : undefined;
}
