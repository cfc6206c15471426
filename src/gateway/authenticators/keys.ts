import * as crypto from 'node:crypto';
import type { Logger } from '../../log.ts';
import { parseRate } from '../limits/rate.ts';
import type { Authenticator } from '../policies/authenticate.ts';
import type { Principal, RequestContext } from '../request-context.ts';
import { bearerToken, hasScheme, looksLikeJwt } from './bearer.ts';
import { type KeyRecord, parseKeyFile } from './key-file.ts';
import { WatchedFile } from './watched-file.ts';

export interface KeyAuthenticatorOptions {
  readonly path: string;
  readonly logger: Logger;
  /** Whether Bearer tokens that look like JWTs are left to another authenticator. Default false. */
  readonly hasJwt?: boolean;
  /** How often the file is looked at, in milliseconds. Default 2000. */
  readonly pollMs?: number;
}

interface KnownKey {
  /** The 64 hex digits of its SHA-256. */
  readonly digest: Buffer;
  readonly principal: Principal;
}

interface KeyTable {
  readonly keys: readonly KnownKey[];
  /** Of each principal that may be in, by its name and the digest of its key. */
  readonly ends: ReadonlyMap<string, number>;
}

/** No key is longer; what is longer is not hashed. */
const MAX_KEY_CHARS = 512;

/**
 * Access keys from a file, as `Authorization: Bearer <key>` (RFC 6750 §2.1), as `X-API-Key: <key>`, or in the path where
 * the gateway takes it from there. The file is read again when it changes. Throws `config` when it cannot be read or
 * understood. An empty file lets nobody in.
 */
export function keyAuthenticator({ path, logger, hasJwt = false, pollMs }: KeyAuthenticatorOptions): Authenticator {
  const isValid = (id: string): boolean => (file.value.ends.get(id) ?? 0) > Date.now();
  const file: WatchedFile<KeyTable> = new WatchedFile({
    path,
    what: 'key file',
    parse: (text) => makeTable(parseKeyFile(text, path), isValid),
    logger,
    hint: 'Make it with: mcp-drawbridge keys add <name> --key-file <file>',
    ...(pollMs === undefined ? {} : { pollMs }),
  });
  return {
    challenges: ['Bearer realm="mcp-drawbridge"'],
    authenticate: (context) => {
      const key = shownKey(context);
      if (key === 'absent' || (hasJwt && typeof key === 'string' && looksLikeJwt(key))) return 'absent';
      if (key === undefined || key === '' || key.length > MAX_KEY_CHARS) return 'wrong';
      return findKey(file.value.keys, key) ?? 'wrong';
    },
    close: () => file.close(),
  };
}

/** `absent` where none is shown, undefined where something stands in its place that cannot be one. */
function shownKey({ req, pathKey }: RequestContext): string | undefined {
  const { authorization, 'x-api-key': apiKey } = req.headers;
  if (apiKey !== undefined) return typeof apiKey === 'string' ? apiKey : undefined;
  if (pathKey !== undefined) return pathKey;
  if (authorization === undefined || !hasScheme(authorization, 'bearer')) return 'absent';
  return bearerToken(authorization);
}

/** Compares with every key, so that the time taken depends on how many there are and on nothing else. */
function findKey(keys: readonly KnownKey[], key: string): Principal | undefined {
  const digest = sha256(key);
  let found: Principal | undefined;
  for (const known of keys) {
    if (crypto.timingSafeEqual(known.digest, digest)) found = known.principal;
  }
  return found?.expiresAt !== undefined && found.expiresAt <= Date.now() ? undefined : found;
}

/** The one-shot hash, asked for hex, costs an eighth of a Hash object; Node has it since 20.12. */
const hashOnce: typeof crypto.hash | undefined = crypto.hash;

function sha256(text: string): Buffer {
  return Buffer.from(hashOnce?.('sha256', text) ?? crypto.createHash('sha256').update(text).digest('hex'), 'latin1');
}

function makeTable(records: readonly KeyRecord[], isValid: (id: string) => boolean): KeyTable {
  const keys: KnownKey[] = [];
  const ends = new Map<string, number>();
  const add = (record: KeyRecord, hash: string, end: number): void => {
    const { name, scopes = [], tools, limitCalls } = record;
    const id = `${name} ${hash}`;
    ends.set(id, end);
    keys.push({
      digest: Buffer.from(hash.slice('sha256:'.length), 'latin1'),
      principal: {
        id: name,
        method: 'key',
        scopes,
        ...(end === Number.POSITIVE_INFINITY ? {} : { expiresAt: end }),
        ...(tools === undefined ? {} : { tools }),
        ...(limitCalls === undefined ? {} : { limitCalls: parseRate(limitCalls, `limitCalls of "${name}"`) }),
        isCurrent: () => isValid(id),
      },
    });
  };
  for (const record of records) {
    const { hash, expires, previous } = record;
    const end = expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires);
    add(record, hash, end);
    if (previous !== undefined) add(record, previous.hash, Math.min(end, Date.parse(previous.expires)));
  }
  return { keys, ends };
}
