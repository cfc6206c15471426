import { DrawbridgeError, type DrawbridgeErrorCode } from '../../errors.ts';
import {
  CAPABILITIES_FIELD,
  claimedVersionOf,
  isModernVersion,
  LEGACY_VERSIONS,
  VERSION_FIELD,
} from '../../message/era.ts';
import { findField } from '../../message/fields.ts';
import type { Message } from '../../message/message.ts';
import { stringAt } from '../../message/ranges.ts';
import type { Policy, Refusal } from '../refusal.ts';
import type { RequestContext } from '../request-context.ts';
import { decodeMirrored, findHeaderFault } from '../stateless/mirrored-headers.ts';

/** The member of params that `Mcp-Name` mirrors, by method (MCP 2026-07-28, standard request headers). */
const NAME_MEMBERS: ReadonlyMap<string, string> = new Map([
  ['tools/call', 'name'],
  ['prompts/get', 'name'],
  ['resources/read', 'uri'],
]);

/**
 * Tells the policies behind it which era a POST to /mcp is of, and refuses a modern one whose headers say anything else
 * than its body: what stands between routes by the headers, and what judges reads the body. A header counts in the modern
 * era only, so that nobody can smuggle one past a server of the legacy era.
 */
export const checkEra: Policy = (context) => {
  const { req, route, message } = context;
  if (route !== 'mcp' || message === undefined) return undefined;
  const header = headerOf(context, 'mcp-protocol-version');
  const claimed = claimedVersionOf(message);
  if (!isModernVersion(header) && !isModernClaim(claimed)) return undefined;
  context.era = 'modern';
  if (message.kind === 'response') return refuse('invalid_request', 'clients of 2026-07-28 send no answers');
  const fault = findHeaderFault(req.headers);
  if (fault !== undefined) return refuse('header_mismatch', fault);
  return message.kind === 'request'
    ? checkRequest(context, message, claimed)
    : checkNotification(context, message, claimed);
};

/** No legacy message names its revision there; one that is unknown is for the server to refuse, which says what it has. */
function isModernClaim(claimed: string | undefined): boolean {
  return claimed !== undefined && !LEGACY_VERSIONS.some((version) => version === claimed);
}

function checkRequest(context: RequestContext, message: Message, claimed: string | undefined): Refusal | undefined {
  const missing = findMissingField(message, claimed);
  if (missing !== undefined) return refuse('invalid_params', `params._meta lacks ${missing}`);
  return (
    compare(context, 'MCP-Protocol-Version', claimed) ??
    compare(context, 'Mcp-Method', message.method) ??
    checkName(context, message)
  );
}

/** A notification need not say in its body what it is, and so its headers need not be there. */
function checkNotification(
  context: RequestContext,
  { method }: Message,
  claimed: string | undefined,
): Refusal | undefined {
  if (claimed !== undefined) {
    const refusal = compare(context, 'MCP-Protocol-Version', claimed);
    if (refusal !== undefined) return refusal;
  }
  return headerOf(context, 'mcp-method') === undefined ? undefined : compare(context, 'Mcp-Method', method);
}

function findMissingField(message: Message, claimed: string | undefined): string | undefined {
  if (claimed === undefined) return VERSION_FIELD[2];
  const capabilities = findField(message, CAPABILITIES_FIELD);
  const isObject = capabilities !== undefined && message.bytes[capabilities.start] === 0x7b;
  return isObject ? undefined : CAPABILITIES_FIELD[2];
}

function checkName(context: RequestContext, message: Message): Refusal | undefined {
  const member = NAME_MEMBERS.get(message.method ?? '');
  if (member === undefined) return undefined;
  const range = findField(message, ['params', member]);
  const name = range === undefined ? undefined : stringAt(message.bytes, range);
  // A body without it is judged by who is to read it.
  if (name === undefined && headerOf(context, 'mcp-name') === undefined) return undefined;
  return compare(context, 'Mcp-Name', name, decodeMirrored);
}

function compare(
  context: RequestContext,
  name: string,
  inBody: string | undefined,
  decode: (value: string) => string | undefined = (value) => value,
): Refusal | undefined {
  const value = headerOf(context, name.toLowerCase());
  if (value === undefined) return refuse('header_mismatch', `the header ${name} is missing`);
  const meant = decode(value);
  if (meant === undefined)
    return refuse('header_mismatch', `the header ${name} is not the Base64 that it claims to be`);
  return meant === inBody
    ? undefined
    : refuse('header_mismatch', `the header ${name} says something else than the body`);
}

function headerOf({ req }: RequestContext, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === 'string' ? value : undefined;
}

function refuse(code: DrawbridgeErrorCode, message: string): Refusal {
  return { error: new DrawbridgeError(code, message) };
}
