import { DrawbridgeError } from '../../errors.ts';

export type PasswordKind = 'bcrypt' | 'apr1' | 'sha' | 'plain';

/** What stands for one user in an htpasswd file. */
export interface PasswordHash {
  readonly user: string;
  readonly kind: PasswordKind;
  readonly text: string;
}

export interface HtpasswdOptions {
  readonly path: string;
  /** Takes passwords in plain text too. */
  readonly allowWeakPasswords: boolean;
}

/** What bcryptjs takes about 5 s for; a thread that is busy for longer serves nobody else. */
const MAX_BCRYPT_COST = 15;
const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const APR1 = /^\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}$/;
const SHA = /^\{SHA\}[A-Za-z0-9+/]{27}=$/;
const DES_CRYPT = /^[./A-Za-z0-9]{13}$/;
const MAX_USERS = 100_000;
/** No control characters (RFC 7617 §2), and no name that would fill a log. */
const USER = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,128}$/;

/**
 * Reads an htpasswd file of Apache or nginx: `user:hash`, one a line, `#` for comments. Throws `config` naming the file
 * and the line for a user who occurs twice and for any hash that cannot be verified soundly: DES crypt, which ignores all
 * but 8 characters, is never taken; plain text only where that is asked for. A file without users lets nobody in.
 */
export function parseHtpasswd(text: string, { path, allowWeakPasswords }: HtpasswdOptions): Map<string, PasswordHash> {
  const users = new Map<string, PasswordHash>();
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const fail = (why: string, hint?: string): never => {
      throw new DrawbridgeError('config', `the htpasswd file ${path} cannot be used`, {
        why: `line ${index + 1} ${why}`,
        hint: hint ?? 'Make entries with: htpasswd -B <file> <user>',
      });
    };
    // What follows a second colon is a comment, as in nginx.
    const [user = '', hash = ''] = line.split(':');
    if (!line.includes(':')) fail('has no colon');
    if (!USER.test(user)) fail('has no usable name of a user');
    if (users.has(user)) fail(`has the user ${JSON.stringify(user)} again`);
    if (users.size >= MAX_USERS) fail(`has a user more than ${MAX_USERS}`);
    users.set(user, { user, ...readHash(hash.trimEnd(), allowWeakPasswords, fail) });
  }
  return users;
}

function readHash(
  hash: string,
  allowWeakPasswords: boolean,
  fail: (why: string, hint?: string) => never,
): { kind: PasswordKind; text: string } {
  const cost = BCRYPT.exec(hash)?.[1];
  if (cost !== undefined) {
    if (Number(cost) >= 4 && Number(cost) <= MAX_BCRYPT_COST) return { kind: 'bcrypt', text: hash };
    return fail(`has a bcrypt cost of ${Number(cost)}; it must be from 4 to ${MAX_BCRYPT_COST}`);
  }
  if (APR1.test(hash)) return { kind: 'apr1', text: hash };
  if (SHA.test(hash)) return { kind: 'sha', text: hash };
  if (hash === '') return fail('has no password');
  if (DES_CRYPT.test(hash)) return fail('has a password as DES crypt, of which only 8 characters count');
  const isMarkedPlain = hash.startsWith('{PLAIN}');
  if (!isMarkedPlain && /^[${]/.test(hash)) {
    return fail('has a password of an unknown kind; known are $2y$, $2b$, $2a$, $apr1$ and {SHA}');
  }
  if (allowWeakPasswords) return { kind: 'plain', text: isMarkedPlain ? hash.slice('{PLAIN}'.length) : hash };
  return fail(
    'has a password in plain text, or of an unknown kind',
    'Make it with: htpasswd -B <file> <user>; or allow it with --allow-weak-passwords.',
  );
}
