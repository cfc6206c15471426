import { MODERN_VERSION } from '../message/era.ts';
import { findField } from '../message/fields.ts';
import type { Message } from '../message/message.ts';
import { stringAt } from '../message/ranges.ts';

/** What a header can say as it is: printable ASCII without spaces at its ends. */
const PLAIN = /^(?:[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)?$/;
const SENTINEL = /^=\?base64\?.*\?=$/i;
/** The parameter that `Mcp-Name` mirrors (MCP 2026-07-28, standard request headers). */
const NAME_FIELDS: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
};

/** A text as `Mcp-Name` and `Mcp-Param-*` have it (MCP 2026-07-28, value encoding). */
export function mirroredValue(text: string): string {
  return PLAIN.test(text) && !SENTINEL.test(text) ? text : `=?base64?${Buffer.from(text).toString('base64')}?=`;
}

/** The header lines that mirror what every request says in its body. */
export function standardLines(request: Message): string {
  const { method = '' } = request;
  let lines = `MCP-Protocol-Version: ${MODERN_VERSION}\r\nMcp-Method: ${mirroredValue(method)}\r\n`;
  const field = Object.hasOwn(NAME_FIELDS, method) ? NAME_FIELDS[method] : undefined;
  const at = field === undefined ? undefined : findField(request, ['params', field]);
  const name = at === undefined ? undefined : stringAt(request.bytes, at);
  if (name !== undefined) lines += `Mcp-Name: ${mirroredValue(name)}\r\n`;
  return lines;
}
