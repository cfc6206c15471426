import { chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/check/finding.ts';
import { checkPostgres } from '../../src/check/postgres.ts';
import { makeCertificates } from '../parts/certificates.ts';
import { until, within } from '../parts/deadline.ts';
import { type Postgres, startPostgres } from './postgres.mjs';

describe('check, in front of PostgreSQL itself', () => {
  let postgres: Postgres;
  const certificates = makeCertificates();
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(async () => {
    certificates.remove();
    await postgres?.stop();
  });

  const inData = (name: string): string => join(postgres.folder, 'data', name);

  async function walk(user: string, database: string): Promise<Finding[]> {
    const findings: Finding[] = [];
    const url = `postgresql://${user}:not-the-password@127.0.0.1:${postgres.port}/${database}`;
    const options = { family: '4', timeoutMs: 5000, signal: new AbortController().signal } as const;
    const all = (async () => {
      for await (const finding of checkPostgres(url, options)) findings.push(finding);
    })();
    await within(30_000, 'the walk ends', all);
    expect(JSON.stringify(findings)).not.toContain('not-the-password');
    // The first is of the password in the URL.
    return findings.slice(1);
  }

  /** Waits until the server has read its files again. */
  async function reload(write: () => void): Promise<void> {
    const before = postgres.log().split('parameter').length + postgres.log().split('SIGHUP').length;
    write();
    process.kill(postgres.pid, 'SIGHUP');
    await until('the files are read again', () => {
      return postgres.log().split('parameter').length + postgres.log().split('SIGHUP').length > before;
    });
  }

  const letIn = (...lines: readonly string[]): Promise<void> =>
    reload(() => writeFileSync(inData('pg_hba.conf'), `${lines.join('\n')}\n`));

  const last = (findings: readonly Finding[]): Finding => findings[findings.length - 1]!;

  it('SCRAM is told, and nothing is wrong', async () => {
    const findings = await walk('kwild', 'kwild');
    expect(findings.map(({ hop, verdict }) => `${hop} ${verdict}`)).toEqual(['tcp ok', 'postgres ok', 'postgres ok']);
    expect(last(findings).said).toContain('asks kwild for a password (SCRAM-SHA-256)');
  });

  it('a wrong database stays unknown behind a password, and so it is said', async () => {
    const found = last(await walk('kwild', 'no_such_database'));
    expect(found).toMatchObject({
      verdict: 'ok',
      said: expect.stringContaining('the database there, only signing in tells'),
    });
  });

  it('trust is told as what it is, with the version; a wrong database and a wrong user by name', async () => {
    await letIn('host all all 127.0.0.1/32 trust');
    const found = last(await walk('kwild', 'kwild'));
    expect(found).toMatchObject({ hop: 'postgres', verdict: 'warn' });
    expect(found.said).toMatch(/^lets kwild into kwild without a password: .* \(PostgreSQL \d+/);
    expect(last(await walk('kwild', 'no_such_database'))).toMatchObject({
      verdict: 'fail',
      said: 'refuses: database "no_such_database" does not exist (3D000)',
    });
    expect(last(await walk('nobody_at_all', 'kwild'))).toMatchObject({
      verdict: 'fail',
      said: 'refuses: role "nobody_at_all" does not exist (28000)',
    });
  });

  it('md5 and cleartext are warned of', async () => {
    await letIn('host all kwild 127.0.0.1/32 password', 'host all postgres 127.0.0.1/32 md5');
    expect(last(await walk('kwild', 'kwild'))).toMatchObject({
      verdict: 'warn',
      said: expect.stringContaining('unhashed'),
    });
    // The password itself is kept for SCRAM, so that is what md5 asks for.
    expect(last(await walk('postgres', 'postgres'))).toMatchObject({ said: expect.stringContaining('for a password') });
  });

  it('no line in pg_hba.conf is told with the line to write', async () => {
    await letIn('host all postgres 127.0.0.1/32 scram-sha-256');
    const found = last(await walk('kwild', 'kwild'));
    expect(found.said).toMatch(/^refuses: no pg_hba\.conf entry for host "127\.0\.0\.1", user "kwild"/);
    expect(found.remedy).toContain('host kwild kwild <address>/32 scram-sha-256');
  });

  it('TLS is gone through as psql does it, so that what only it lets in is judged right', async () => {
    const { uid, gid } = statSync(inData('PG_VERSION'));
    for (const [name, from] of [
      ['server.crt', certificates.server.certFile],
      ['server.key', certificates.server.keyFile],
    ] as const) {
      writeFileSync(inData(name), readFileSync(from), { mode: 0o600 });
      if (process.getuid?.() === 0) chownSync(inData(name), uid, gid);
    }
    await reload(() => {
      writeFileSync(inData('postgresql.auto.conf'), 'ssl = on\n');
      writeFileSync(inData('pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
    });
    const findings = await walk('kwild', 'kwild');
    expect(findings[1]!.said).toMatch(/speaks PostgreSQL, and offers TLS \(TLSv1\.3\)$/);
    expect(last(findings)).toMatchObject({ verdict: 'ok', said: expect.stringContaining('SCRAM-SHA-256') });
  });
});
