import type { IncomingHttpHeaders } from 'node:http';

/** `Mcp-Param-*` headers of one request; a tool with more arguments worth routing by is hard to imagine. */
const MAX_PARAM_HEADERS = 64;
/** Their names and values in all. */
const MAX_PARAM_BYTES = 8192;

const PREFIX = 'mcp-param-';
/** What `Mcp-Name` and `Mcp-Param-*` are made of (MCP 2026-07-28, value encoding): printable ASCII, and tabs within. */
const VALUE = /^[\x20-\x7e\t]*$/;
const SENTINEL = /^=\?base64\?(.*)\?=$/;

/** Trace context (W3C), small and as it should be; whatever else a client calls so does not go upstream. */
const TRACE_HEADERS: readonly (readonly [name: string, form: RegExp])[] = [
  ['traceparent', /^[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/],
  ['tracestate', /^[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?$/],
  ['baggage', /^[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?$/],
];

/** Why headers that mirror parameters cannot be passed on; undefined where they can. */
export function findHeaderFault(headers: IncomingHttpHeaders): string | undefined {
  let count = 0;
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith('mcp-')) continue;
    if (typeof value !== 'string' || !VALUE.test(value))
      return `${clip(name)} has characters other than printable ASCII`;
    if (!name.startsWith(PREFIX)) continue;
    if (name.length === PREFIX.length) return `${name} names no parameter`;
    bytes += name.length + value.length;
    if (++count > MAX_PARAM_HEADERS) return `there are more than ${MAX_PARAM_HEADERS} Mcp-Param headers`;
    if (bytes > MAX_PARAM_BYTES) return `the Mcp-Param headers have more than ${MAX_PARAM_BYTES} bytes`;
  }
  return undefined;
}

/** The text that a mirrored value stands for; undefined where it is Base64 that nobody would write so. */
export function decodeMirrored(value: string): string | undefined {
  const base64 = SENTINEL.exec(value)?.[1];
  if (base64 === undefined) return value;
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The header lines that go upstream with a modern request, each written anew from values that were judged before. */
export function mirroredLines(headers: IncomingHttpHeaders): string {
  let lines = '';
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value === 'string' && (MIRRORED.has(name) || name.startsWith(PREFIX)))
      lines += `${spell(name)}: ${value}\r\n`;
  }
  for (const [name, form] of TRACE_HEADERS) {
    const value = headers[name];
    if (typeof value === 'string' && form.test(value)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

const MIRRORED = new Map([
  ['mcp-protocol-version', 'MCP-Protocol-Version'],
  ['mcp-method', 'Mcp-Method'],
  ['mcp-name', 'Mcp-Name'],
]);

function spell(name: string): string {
  return MIRRORED.get(name) ?? `Mcp-Param-${name.slice(PREFIX.length)}`;
}

function clip(name: string): string {
  return name.slice(0, 60);
}
