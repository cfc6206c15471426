import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { apr1 } from '../../../src/gateway/authenticators/md5-crypt.ts';

/** What openssl makes of it; the password is handed over on stdin, as bytes. */
function byOpenssl(password: string, salt: string): string {
  return execFileSync('openssl', ['passwd', '-apr1', '-salt', salt, '-stdin'], { input: `${password}\n` })
    .toString()
    .trim();
}

it.each([
  ['a', 'abcdefgh'],
  ['password', 'xxxxxxxx'],
  ['fifteen bytes..', './09AZaz'],
  ['sixteen bytes...', 'salt'],
  ['seventeen bytes..', 's'],
  ['pä:ss wörd €', 'r31.....'],
  ['x'.repeat(33), 'HhHhHhHh'],
  ['y'.repeat(255), 'HhHhHhHh'],
])('makes of %j with the salt %j what openssl makes of it', (password, salt) => {
  expect(apr1(Buffer.from(password), salt)).toBe(byOpenssl(password, salt));
});

it('makes of an empty password what the algorithm says', () => {
  // openssl reads no empty line; this is its answer to an empty argument.
  const expected = execFileSync('openssl', ['passwd', '-apr1', '-salt', 'abcdefgh', '']).toString().trim();
  expect(apr1(Buffer.alloc(0), 'abcdefgh')).toBe(expected);
});
