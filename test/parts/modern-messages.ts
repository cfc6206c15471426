/** Messages of 2026-07-28 as a client sends them, with the headers that mirror them. */
import { JSON_HEADERS } from './raw-http.ts';

export const MODERN = '2026-07-28';
const META = 'io.modelcontextprotocol';

export interface ModernMessage {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A request; `meta` is put in place of the members of `_meta` that must be there. */
export function modernRequest(
  method: string,
  params: Readonly<Record<string, unknown>> = {},
  { id = 1, meta }: { id?: number | string; meta?: Readonly<Record<string, unknown>> } = {},
): ModernMessage {
  const _meta = meta ?? { [`${META}/protocolVersion`]: MODERN, [`${META}/clientCapabilities`]: {} };
  const body = JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta } });
  return { body, headers: modernHeaders(method, params['name'] ?? params['uri']) };
}

export function modernHeaders(method: string, name?: unknown): Readonly<Record<string, string>> {
  const mirrored = typeof name === 'string' ? { 'mcp-name': name } : {};
  return { ...JSON_HEADERS, 'mcp-protocol-version': MODERN, 'mcp-method': method, ...mirrored };
}
