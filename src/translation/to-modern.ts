import { MODERN_VERSION } from '../message/era.ts';
import { findField, progressOf } from '../message/fields.ts';
import { type Message, readMessage } from '../message/message.ts';
import { AMBIGUOUS, members, soleMember } from '../message/ranges.ts';
import { type Replacement, splice } from '../message/splice.ts';

export const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';

/** Results that a client may keep (MCP 2026-07-28, caching); a legacy server does not say for how long, so: not at all. */
const CACHEABLE = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/**
 * The answer of a legacy server as 2026-07-28 has it: under the client's own id, a result with its `resultType` and,
 * where it could be kept, how long and by whom. Every other byte stays, those of an error too.
 */
export function toModernAnswer(answer: Message, request: Message): Message {
  const id = findField(answer, ['id']);
  const replacements: Replacement[] = id === undefined ? [] : [{ at: id, text: request.id ?? 'null' }];
  const result = findField(answer, ['result']);
  if (result !== undefined) {
    const added = missingMembers(answer.bytes, result.start, request.method ?? '');
    if (added !== '') replacements.push({ at: { start: result.start + 1, end: result.start + 1 }, text: added });
  }
  return splice(answer, replacements);
}

/** The progress of a legacy server under the client's own token. */
export function toModernProgress(notification: Message, token: string): Message {
  const at = findField(notification, ['params', 'progressToken']);
  return at === undefined ? notification : splice(notification, [{ at, text: token }]);
}

/** The id of ours that a progress notification is about. */
export function progressIdOf(notification: Message): number | undefined {
  const token = progressOf(notification)?.token;
  return token !== undefined && /^\d{1,15}$/.test(token) ? Number(token) : undefined;
}

/** What `server/discover` answers, from what the legacy server has said of itself in answer to `initialize`. */
export function discoverAnswer(initialized: Message, id: string): Message {
  const parts = [`"resultType":"complete","ttlMs":0,"cacheScope":"private","supportedVersions":["${MODERN_VERSION}"]`];
  parts.push(`"capabilities":${textOf(initialized, 'capabilities') ?? '{}'}`);
  const instructions = textOf(initialized, 'instructions');
  if (instructions !== undefined) parts.push(`"instructions":${instructions}`);
  const serverInfo = textOf(initialized, 'serverInfo');
  if (serverInfo !== undefined) parts.push(`"_meta":{"${SERVER_INFO}":${serverInfo}}`);
  return readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{${parts.join(',')}}}`));
}

/** Whether the server has said that it does this, such as `tools` and `listChanged`. */
export function hasCapability(initialized: Message, of: string, what: string): boolean {
  const range = findField(initialized, ['result', 'capabilities', of, what]);
  return range !== undefined && initialized.bytes.toString('latin1', range.start, range.end) === 'true';
}

function textOf(initialized: Message, name: string): string | undefined {
  const range = findField(initialized, ['result', name]);
  return range === undefined ? undefined : initialized.bytes.toString('utf8', range.start, range.end);
}

/** Members that the result lacks, to stand at its front. */
function missingMembers(bytes: Buffer, at: number, method: string): string {
  const wanted = [['resultType', '"complete"']];
  if (CACHEABLE.has(method)) wanted.push(['ttlMs', '0'], ['cacheScope', '"private"']);
  let count = 0;
  if (members(bytes, at, () => count++) === undefined) return '';
  const lacking = wanted.filter(([name]) => {
    const found = soleMember(bytes, at, name!);
    return found === undefined && found !== AMBIGUOUS;
  });
  const text = lacking.map(([name, value]) => `"${name}":${value}`).join(',');
  return text === '' || count === 0 ? text : `${text},`;
}
