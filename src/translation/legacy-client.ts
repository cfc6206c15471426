import { DrawbridgeError } from '../errors.ts';
import {
  CAPABILITIES_FIELD,
  CLIENT_INFO_FIELD,
  LEGACY_VERSIONS,
  MODERN_VERSION,
  VERSION_FIELD,
} from '../message/era.ts';
import { findField } from '../message/fields.ts';
import { errorReply, type Message, readMessage } from '../message/message.ts';
import { elements, stringAt } from '../message/ranges.ts';
import type { Member } from './modern-request.ts';
import { SERVER_INFO } from './to-modern.ts';

const LOG_LEVEL = 'io.modelcontextprotocol/logLevel';
const LOG_LEVELS = new Set(['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency']);
/** What a client is told of a server that does not say who it is. */
const UNNAMED = '{"name":"MCP server","version":"unknown"}';

/** What a legacy client has said of itself, which every request of 2026-07-28 says anew. */
export class LegacyClient {
  readonly #capabilities: string;
  readonly #clientInfo: string | undefined;
  readonly #version: string;
  #logLevel: string | undefined;

  constructor(initialize: Message) {
    this.#capabilities = textAt(initialize, ['params', 'capabilities']) ?? '{}';
    this.#clientInfo = textAt(initialize, ['params', 'clientInfo']);
    const at = findField(initialize, ['params', 'protocolVersion']);
    const asked = at === undefined ? undefined : stringAt(initialize.bytes, at);
    this.#version = LEGACY_VERSIONS.find((version) => version === asked) ?? LEGACY_VERSIONS[0];
  }

  /** The members of `_meta` that each of its requests needs. */
  get meta(): readonly Member[] {
    const meta: Member[] = [
      [VERSION_FIELD[2], `"${MODERN_VERSION}"`],
      [CAPABILITIES_FIELD[2], this.#capabilities],
    ];
    if (this.#clientInfo !== undefined) meta.push([CLIENT_INFO_FIELD[2], this.#clientInfo]);
    if (this.#logLevel !== undefined) meta.push([LOG_LEVEL, `"${this.#logLevel}"`]);
    return meta;
  }

  /** From a `logging/setLevel`; throws `invalid_params`. */
  setLogLevel(request: Message): void {
    const at = findField(request, ['params', 'level']);
    const level = at === undefined ? undefined : stringAt(request.bytes, at);
    if (level === undefined || !LOG_LEVELS.has(level))
      throw new DrawbridgeError('invalid_params', 'params.level is no level of logging');
    this.#logLevel = level;
  }

  /** What `initialize` is answered, from what the server has answered to `server/discover`; its error is passed on. */
  initializeAnswer(discovered: Message, id: string): Message {
    if (findField(discovered, ['result']) === undefined) return discovered;
    if (!supportsModern(discovered)) {
      const error = `the MCP server does not support ${MODERN_VERSION}, nor initialize`;
      return errorReply(id, new DrawbridgeError('upstream_error', error));
    }
    const parts = [`"protocolVersion":"${this.#version}"`];
    parts.push(`"capabilities":${textAt(discovered, ['result', 'capabilities']) ?? '{}'}`);
    parts.push(`"serverInfo":${textAt(discovered, ['result', '_meta', SERVER_INFO]) ?? UNNAMED}`);
    const instructions = textAt(discovered, ['result', 'instructions']);
    if (instructions !== undefined) parts.push(`"instructions":${instructions}`);
    return readMessage(Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{${parts.join(',')}}}`));
  }
}

function supportsModern(discovered: Message): boolean {
  const list = findField(discovered, ['result', 'supportedVersions']);
  let isThere = false;
  if (list !== undefined)
    elements(discovered.bytes, list.start, (at) => {
      if (stringAt(discovered.bytes, at) === MODERN_VERSION) isThere = true;
    });
  return isThere;
}

/** The JSON text of what the path leads to. */
export function textAt(message: Message, path: readonly string[]): string | undefined {
  const at = findField(message, path);
  return at === undefined ? undefined : message.bytes.toString('utf8', at.start, at.end);
}
