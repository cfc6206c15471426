import { findField } from './fields.ts';
import type { Message } from './message.ts';
import { stringAt } from './ranges.ts';

/** `legacy` is initialize and sessions, up to 2025-11-25; `modern` is one request at a time, since 2026-07-28. */
export type Era = 'legacy' | 'modern';

/** The first revision of the modern era. */
export const MODERN_VERSION = '2026-07-28';
/** The revisions of the legacy era, the newest first. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'] as const;

const META = 'io.modelcontextprotocol';
/** Where a modern request says in its body what it is (MCP 2026-07-28, `params._meta`). */
export const VERSION_FIELD = ['params', '_meta', `${META}/protocolVersion`] as const;
export const CAPABILITIES_FIELD = ['params', '_meta', `${META}/clientCapabilities`] as const;
export const CLIENT_INFO_FIELD = ['params', '_meta', `${META}/clientInfo`] as const;

/** What tells by its id to which `subscriptions/listen` a message belongs, in `_meta`. */
export const SUBSCRIPTION_ID = `${META}/subscriptionId`;

/** Whether this is the name of a modern revision. Names are dates, so later ones are greater. */
export function isModernVersion(version: string | undefined): version is string {
  return version !== undefined && /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= MODERN_VERSION;
}

/** The revision that a message claims in its body; undefined where it claims none, or two readers could read two. */
export function claimedVersionOf(message: Message): string | undefined {
  const range = findField(message, VERSION_FIELD);
  return range === undefined ? undefined : stringAt(message.bytes, range);
}
