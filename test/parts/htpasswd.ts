/** htpasswd files as operators have them: hashes by bcryptjs and by openssl, removed with the test. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import bcrypt from 'bcryptjs';

export interface HtpasswdFile {
  readonly path: string;
  write(text: string): void;
  remove(): void;
}

export function writeHtpasswd(text: string): HtpasswdFile {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-htpasswd-'));
  const path = join(folder, 'htpasswd');
  const write = (content: string): void => writeFileSync(path, content, { mode: 0o600 });
  write(text);
  return { path, write, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** As `htpasswd -B` writes it. */
export function bcryptHash(password: string, cost = 5, letter = 'y'): string {
  return bcrypt.hashSync(password, cost).replace(/^\$2.\$/, `$2${letter}$`);
}

/** As `htpasswd -m` writes it. */
export function apr1Hash(password: string): string {
  return execFileSync('openssl', ['passwd', '-apr1', '-stdin'], { input: `${password}\n` })
    .toString()
    .trim();
}

/** As `htpasswd -s` writes it. */
export function shaHash(password: string): string {
  return `{SHA}${createHash('sha1').update(password).digest('base64')}`;
}

export function basic(user: string, password: string): { readonly Authorization: string } {
  return { Authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}
