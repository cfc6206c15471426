import { createHash } from 'node:crypto';

const MAGIC = '$apr1$';
const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const ROUNDS = 1000;
/** The bytes of the digest in the order in which they are written, three at a time. */
const ORDER = [0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5] as const;

/**
 * Apache's variant of MD5-crypt, as `htpasswd -m` and `openssl passwd -apr1` make it: `$apr1$<salt>$<22 characters>`. Takes about
 * a millisecond, which is too little against somebody who has the file; it is here because such files are common.
 */
export function apr1(password: Buffer, salt: string): string {
  const saltBytes = Buffer.from(salt, 'latin1');
  const inner = md5(password, saltBytes, password);
  const parts: Buffer[] = [password, Buffer.from(MAGIC), saltBytes];
  for (let left = password.length; left > 0; left -= 16) parts.push(inner.subarray(0, Math.min(16, left)));
  for (let bits = password.length; bits > 0; bits >>= 1) {
    parts.push((bits & 1) === 1 ? Buffer.of(0) : password.subarray(0, 1));
  }
  let digest = md5(...parts);
  for (let round = 0; round < ROUNDS; round++) {
    const isOdd = round % 2 === 1;
    digest = md5(
      isOdd ? password : digest,
      ...(round % 3 === 0 ? [] : [saltBytes]),
      ...(round % 7 === 0 ? [] : [password]),
      isOdd ? digest : password,
    );
  }
  return `${MAGIC}${salt}$${encode(digest)}`;
}

function md5(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function encode(digest: Buffer): string {
  let text = '';
  for (let index = 0; index < ORDER.length; index += 3) {
    const [a = 0, b = 0, c = 0] = ORDER.slice(index, index + 3);
    text += encodeBits((digest[a]! << 16) | (digest[b]! << 8) | digest[c]!, 4);
  }
  return text + encodeBits(digest[11]!, 2);
}

/** The lowest six bits come first. */
function encodeBits(bits: number, length: number): string {
  let text = '';
  for (let index = 0; index < length; index++) text += ALPHABET[(bits >> (6 * index)) & 63];
  return text;
}
