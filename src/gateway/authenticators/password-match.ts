import { createHash, timingSafeEqual } from 'node:crypto';
import type { PasswordHash } from './htpasswd.ts';
import { apr1 } from './md5-crypt.ts';

/** Whether it is this password, for the kinds that take a millisecond or less; bcrypt is never one of them. */
export function matchesQuickly(password: string, { kind, text }: PasswordHash): boolean {
  switch (kind) {
    case 'apr1':
      return isSame(apr1(Buffer.from(password), text.split('$')[2] ?? ''), text);
    case 'sha':
      return isSame(`{SHA}${createHash('sha1').update(password).digest('base64')}`, text);
    case 'plain':
      return isSame(password, text);
    default:
      return false;
  }
}

/** Digests have one length, whatever is compared. */
function isSame(one: string, other: string): boolean {
  return timingSafeEqual(createHash('sha256').update(one).digest(), createHash('sha256').update(other).digest());
}
