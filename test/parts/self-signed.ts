/** A certificate that signs itself, for any names. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export function makeSelfSigned(domains: readonly string[], days: number): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'drawbridge-self-signed-'));
  try {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', 'key.pem'];
    const names = ['-subj', '/CN=self-signed', '-addext', `subjectAltName=${domains.map((name) => `DNS:${name}`)}`];
    const args = ['req', '-x509', ...key, ...names, '-days', String(days), '-out', 'cert.pem'];
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    return {
      cert: readFileSync(join(folder, 'cert.pem'), 'utf8'),
      key: readFileSync(join(folder, 'key.pem'), 'utf8'),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
