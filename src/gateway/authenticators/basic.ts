import { createHmac, randomBytes } from 'node:crypto';
import { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import type { Authentication, Authenticator } from '../policies/authenticate.ts';
import type { Principal, RequestContext } from '../request-context.ts';
import { hasScheme } from './bearer.ts';
import { type PasswordHash, parseHtpasswd } from './htpasswd.ts';
import { PasswordQueue, type PasswordQueueOptions } from './password-queue.ts';
import { WatchedFile } from './watched-file.ts';

export interface BasicAuthenticatorOptions extends PasswordQueueOptions {
  readonly path: string;
  readonly allowWeakPasswords: boolean;
  readonly logger: Logger;
  /** How often the file is looked at, in milliseconds. Default 2000. */
  readonly pollMs?: number;
}

interface Users {
  readonly hashes: ReadonlyMap<string, PasswordHash>;
  /** Whoever is not there is verified against this, so that it takes as long. */
  readonly dummy: PasswordHash;
  /** Credentials verified lately, by their keyed digest. Gone with the file's next version. */
  readonly verified: Map<string, { readonly principal: Principal; readonly until: number }>;
  readonly inFlight: Map<string, Promise<Authentication>>;
}

const VERIFIED_FOR_MS = 60_000;
const MAX_VERIFIED = 1000;
const MAX_CREDENTIAL_CHARS = 1024;
/** bcrypt reads no more of a password. */
const MAX_BCRYPT_BYTES = 72;
const BASIC = /^basic +((?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?) *$/i;
const CONTROL = /[\u0000-\u001f\u007f]/;
const NO_USERS: PasswordHash = { user: '', kind: 'apr1', text: '$apr1$........$......................' };
const COSTLIEST_FIRST = ['bcrypt', 'apr1', 'sha', 'plain'] as const;

const BUSY = {
  busy: {
    error: new DrawbridgeError('too_many_pending', 'too many passwords are being verified', {
      status: 503,
      hint: 'Wait a second, then try again.',
    }),
    headers: ['Retry-After', '1'],
  },
} as const;

/**
 * HTTP Basic (RFC 7617) from an htpasswd file, read again when it changes. Throws `config` when the file cannot be read
 * or understood. What was verified holds for a minute, under a random key of this process.
 */
export function basicAuthenticator(options: BasicAuthenticatorOptions): Authenticator {
  const { path, logger, pollMs } = options;
  const queue = new PasswordQueue(options);
  const secret = randomBytes(32);
  const file: WatchedFile<Users> = new WatchedFile({
    path,
    what: 'htpasswd file',
    parse: (text) => readUsers(text, options),
    logger,
    hint: 'Make it with: htpasswd -B -c <file> <user>',
    ...(pollMs === undefined ? {} : { pollMs }),
  });

  const verify = async (
    user: string,
    password: string,
    users: Users,
    address: string,
  ): Promise<Principal | 'wrong'> => {
    const hash = users.hashes.get(user);
    const against = hash ?? users.dummy;
    if (against.kind === 'bcrypt' && Buffer.byteLength(password) > MAX_BCRYPT_BYTES) {
      logger.warn(`a password of more than ${MAX_BCRYPT_BYTES} bytes was refused: bcrypt ignores what follows them`);
      return 'wrong';
    }
    const isPassword = await queue.verify(password, against, address);
    if (!isPassword || hash === undefined) return 'wrong';
    const { text } = hash;
    return {
      id: `basic:${user}`,
      method: 'basic',
      scopes: [],
      isCurrent: () => file.value.hashes.get(user)?.text === text,
    };
  };

  const authenticate = ({ req, address }: RequestContext): Authentication | Promise<Authentication> => {
    const { authorization } = req.headers;
    if (authorization === undefined || !hasScheme(authorization, 'basic')) return 'absent';
    const credential = readCredential(authorization);
    if (credential === undefined) return 'wrong';
    const users = file.value;
    const { user, password } = credential;
    const digest = createHmac('sha256', secret).update(`${user}:${password}`).digest('base64');
    const known = users.verified.get(digest);
    if (known !== undefined && known.until > performance.now()) return known.principal;
    users.verified.delete(digest);
    const underWay = users.inFlight.get(digest);
    if (underWay !== undefined) return underWay;
    if (queue.isFull(address)) return BUSY;
    const outcome = verify(user, password, users, address)
      .then((found) => {
        if (found !== 'wrong') remember(users, digest, found);
        return found;
      })
      .finally(() => users.inFlight.delete(digest));
    users.inFlight.set(digest, outcome);
    return outcome;
  };

  return {
    challenges: ['Basic realm="mcp-drawbridge", charset="UTF-8"'],
    authenticate,
    close: () => {
      file.close();
      queue.close();
    },
  };
}

function readUsers(text: string, { path, allowWeakPasswords, logger }: BasicAuthenticatorOptions): Users {
  const hashes = parseHtpasswd(text, { path, allowWeakPasswords });
  const all = [...hashes.values()];
  if (all.length === 0) logger.warn(`the htpasswd file ${path} has no users: it lets nobody in`);
  const weak = all.filter(({ kind }) => kind === 'sha' || kind === 'plain').length;
  if (weak > 0)
    logger.warn(
      `${weak} of the passwords in ${path} are unsalted SHA-1 or plain text; make them anew with htpasswd -B`,
    );
  const kind = COSTLIEST_FIRST.find((one) => all.some((hash) => hash.kind === one));
  const costly = all.filter((hash) => hash.kind === kind);
  // The cost stands in the same place of every bcrypt hash.
  const dummy = costly.sort((a, b) => b.text.slice(4, 6).localeCompare(a.text.slice(4, 6)))[0] ?? NO_USERS;
  return { hashes, dummy, verified: new Map(), inFlight: new Map() };
}

/** Undefined for what is no Base64 of UTF-8 text with a colon, or has control characters (RFC 7617 §2). */
function readCredential(authorization: string): { user: string; password: string } | undefined {
  if (authorization.length > MAX_CREDENTIAL_CHARS) return undefined;
  const encoded = BASIC.exec(authorization)?.[1];
  if (encoded === undefined) return undefined;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(encoded, 'base64'));
  } catch {
    return undefined;
  }
  const colon = text.indexOf(':');
  if (colon === -1 || CONTROL.test(text)) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function remember({ verified }: Users, digest: string, principal: Principal): void {
  const [oldest] = verified.keys();
  if (verified.size >= MAX_VERIFIED && oldest !== undefined) verified.delete(oldest);
  verified.set(digest, { principal, until: performance.now() + VERIFIED_FOR_MS });
}
