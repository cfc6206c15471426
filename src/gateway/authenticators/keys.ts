import * as crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
import { DrawbridgeError } from '../../errors.ts';
import type { Authenticator } from '../policies/authenticate.ts';
import type { Principal } from '../request-context.ts';
import { parseKeyFile } from './key-file.ts';

interface KnownKey {
  /** The 64 hex digits of its SHA-256. */
  readonly digest: Buffer;
  readonly principal: Principal;
}

/** No key is longer; what is longer is not hashed. */
const MAX_KEY_CHARS = 512;
const BEARER = /^bearer +([A-Za-z0-9._~+/=-]+) *$/i;

/**
 * Access keys from a file, as `Authorization: Bearer <key>` (RFC 6750 §2.1) or `X-API-Key: <key>`. Throws `config`
 * when the file cannot be read or understood. An empty file lets nobody in.
 */
export function keyAuthenticator(path: string): Authenticator {
  const keys = readKeys(path);
  return {
    challenges: ['Bearer realm="mcp-drawbridge"'],
    authenticate: ({ req }) => {
      const { authorization, 'x-api-key': apiKey } = req.headers;
      if (authorization === undefined && apiKey === undefined) return 'absent';
      // Two credentials in one request are two claims about who sent it.
      if (authorization !== undefined && apiKey !== undefined) return 'wrong';
      const key = authorization === undefined ? apiKey : BEARER.exec(authorization)?.[1];
      if (typeof key !== 'string' || key === '' || key.length > MAX_KEY_CHARS) return 'wrong';
      return findKey(keys, key) ?? 'wrong';
    },
    close: () => {},
  };
}

/** Compares with every key, so that the time taken depends on how many there are and on nothing else. */
function findKey(keys: readonly KnownKey[], key: string): Principal | undefined {
  const digest = sha256(key);
  let found: Principal | undefined;
  for (const known of keys) {
    if (crypto.timingSafeEqual(known.digest, digest)) found = known.principal;
  }
  return found;
}

/** The one-shot hash, asked for hex, costs an eighth of a Hash object; Node has it since 20.12. */
const hashOnce: typeof crypto.hash | undefined = crypto.hash;

function sha256(text: string): Buffer {
  return Buffer.from(hashOnce?.('sha256', text) ?? crypto.createHash('sha256').update(text).digest('hex'), 'latin1');
}

function readKeys(path: string): readonly KnownKey[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    throw new DrawbridgeError('config', `cannot read the key file ${path}`, {
      ...(code === undefined ? {} : { why: code }),
      hint: 'Make it with: mcp-drawbridge keys add <name> --key-file <file>',
      cause: thrown,
    });
  }
  return parseKeyFile(text, path).map(({ name, hash }) => ({
    digest: Buffer.from(hash.slice('sha256:'.length), 'latin1'),
    principal: { id: name, method: 'key', scopes: [], isCurrent: () => true },
  }));
}
