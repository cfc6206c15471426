import type { Message } from '../message/message.ts';
import type { Connection } from './connection.ts';
import { type ListKind, ListPages } from './list-pages.ts';
import { isResult, LIST_KINDS, ownNotification, ownRequest } from './session-memory.ts';

/** A list of more pages is not walked to its end. */
const MAX_PAGES = 50;

export interface ListComparisonOptions {
  readonly connection: Connection;
  /** What the client has read before the connection was replaced. */
  readonly known: ReadonlyMap<string, ListPages>;
  /** Lists that count as changed without a look, where the server has them: the client could not read them so far. */
  readonly unread: readonly string[];
  readonly nextId: () => string;
  readonly timeoutMs: number;
}

/**
 * Reads the lists that the client has read again on a new connection, and gives a notification for each kind that is
 * no longer the same. A list that cannot be read gives none.
 */
export async function compareLists(options: ListComparisonOptions): Promise<Message[]> {
  const { connection, known, unread } = options;
  const changed = new Set<string>();
  for (const [method, before] of known) {
    const kind = LIST_KINDS[method]!;
    if (changed.has(kind.changed) || connection.isOver || !before.isKnown(kind)) continue;
    const now = await walk(method, kind, options);
    if (now !== undefined && !before.isSameAs(now, kind)) changed.add(kind.changed);
  }
  for (const method of unread) {
    const kind = LIST_KINDS[method]!;
    if (changed.has(kind.changed) || connection.isOver) continue;
    if ((await walk(method, kind, options)) !== undefined) changed.add(kind.changed);
  }
  return [...changed].map((method) => ownNotification(method));
}

async function walk(
  method: string,
  kind: ListKind,
  { connection, nextId, timeoutMs }: ListComparisonOptions,
): Promise<ListPages | undefined> {
  const pages = new ListPages();
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const request = ownRequest(nextId(), method, cursor === undefined ? undefined : { cursor });
    const answer = await connection.ask(request, timeoutMs).catch(() => undefined);
    if (answer === undefined || !isResult(answer)) return undefined;
    pages.add(answer);
    cursor = pages.nextCursor(kind);
    if (cursor === undefined) return pages;
  }
  return pages;
}
