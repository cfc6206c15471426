import { createHash, randomBytes } from 'node:crypto';
import { DrawbridgeError } from '../../errors.ts';
import { readKeyRecord } from './key-record.ts';

/** One access key as it is kept: its hash, never itself. */
export interface KeyRecord {
  /** What the key is called in logs, limits and `keys list`; also the id of its principal. */
  readonly name: string;
  /** `sha256:` and 64 hex digits. A key has 256 random bits, so a slow hash would protect nothing more. */
  readonly hash: string;
  /** ISO 8601. */
  readonly created: string;
  /** ISO 8601; from then on the key lets nobody in. */
  readonly expires?: string;
  readonly scopes?: readonly string[];
  /** Names of tools, `*` for any characters. */
  readonly tools?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
  /** A rate, such as `5r/m burst=10`; takes the place of the gateway's own. */
  readonly limitCalls?: string | number;
  /** The key that this one has replaced, and until when it is still valid. */
  readonly previous?: { readonly hash: string; readonly expires: string };
}

const KEY_PREFIX = 'mdb_';
const KEY_BYTES = 32;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

/** A new key; it can be shown once and not again. */
export function createKey(): string {
  return KEY_PREFIX + randomBytes(KEY_BYTES).toString('base64url');
}

export function hashKey(key: string): string {
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}

/** Throws `usage` for a name that could not be told from something else in a log. */
export function checkKeyName(name: string): void {
  if (NAME.test(name)) return;
  throw new DrawbridgeError('usage', `${JSON.stringify(name)} cannot be the name of a key`, {
    hint: 'Use 1 to 64 letters, digits, dots, dashes, underscores and @.',
  });
}

/** Reads the text of a key file; throws `config` naming the file and the entry that is wrong. */
export function parseKeyFile(text: string, path: string): KeyRecord[] {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (thrown) {
    // The message may quote the text, which may be a key that somebody wrote there.
    throw broken(path, `it is not JSON${/ at position \d+.*$/.exec((thrown as Error).message)?.[0] ?? ''}`);
  }
  const entries = (content as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(entries)) throw broken(path, 'it has no list "keys"');
  const unknown = Object.keys(content as object).find((member) => member !== 'keys');
  if (unknown !== undefined) throw broken(path, `it has the unknown member ${JSON.stringify(unknown.slice(0, 60))}`);
  const names = new Set<string>();
  const hashes = new Set<string>();
  return entries.map((entry: unknown, index) => {
    const fail = (why: string): never => {
      throw broken(path, `keys[${index}]${why}`);
    };
    const { name } = (entry ?? {}) as Record<string, unknown>;
    if (typeof name !== 'string' || !NAME.test(name)) return fail(".name is not a key's name");
    const record = readKeyRecord(entry as Record<string, unknown>, name, fail);
    if (names.has(name)) throw broken(path, `the name "${name}" occurs twice`);
    names.add(name);
    for (const hash of [record.hash, record.previous?.hash]) {
      if (hash !== undefined && hashes.has(hash)) fail(` of "${name}" has a hash that occurs before`);
      if (hash !== undefined) hashes.add(hash);
    }
    return record;
  });
}

export function formatKeyFile(records: readonly KeyRecord[]): string {
  return `${JSON.stringify({ keys: records }, undefined, 2)}\n`;
}

function broken(path: string, why: string): DrawbridgeError {
  return new DrawbridgeError('config', `the key file ${path} cannot be used`, {
    why,
    hint: 'Make it with: mcp-drawbridge keys add <name> --key-file <file>',
  });
}
