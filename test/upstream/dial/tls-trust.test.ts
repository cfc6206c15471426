import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TlsOptions } from '../../../src/upstream/dial/tls-trust.ts';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { json, type RawServer, startRawServer } from '../../parts/raw-server.ts';
import { startTlsFront, type TlsFront } from '../../parts/tls-front.ts';

let certificates: Certificates;
let folder: string;
let server: RawServer;
let front: TlsFront;

/** What Node trusts is settled when its process starts, so each client is a process of its own. */
const CLIENT = `
import { HttpClient } from './http-client.mjs';
const { url, tls } = JSON.parse(process.argv[2]);
const client = new HttpClient({ url: new URL(url), family: '4', connectTimeoutMs: 5000, tls });
const over = (outcome) => { console.log(JSON.stringify(outcome)); client.close(); };
const sink = { head: ({ status }) => over({ status }), data() {}, end() {}, fail: ({ code, why, hint }) => over({ code, why, hint }) };
client.request({ method: 'GET', path: '/', headers: '', timeoutMs: 10000 }, sink);
`;

beforeAll(async () => {
  certificates = makeCertificates();
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-client-'));
  await build({
    entryPoints: [fileURLToPath(new URL('../../../src/upstream/http/http-client.ts', import.meta.url))],
    outfile: join(folder, 'http-client.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
  writeFileSync(join(folder, 'client.mjs'), CLIENT);
  server = await startRawServer();
  const { cert, key } = certificates.server;
  front = await startTlsFront(server.port, { cert, key });
});
afterAll(async () => {
  await front.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
  certificates.remove();
});

interface Outcome {
  readonly status?: number;
  readonly code?: string;
  readonly why?: string;
}

async function ask(options: TlsOptions, env: Readonly<Record<string, string>>, isAnswered: boolean): Promise<Outcome> {
  const argument = JSON.stringify({ url: `https://127.0.0.1:${front.port}/`, tls: options });
  const { NODE_EXTRA_CA_CERTS: _extra, SSL_CERT_FILE: _file, ...inherited } = process.env;
  const run = promisify(execFile)(process.execPath, [join(folder, 'client.mjs'), argument], {
    env: { ...inherited, ...env },
    timeout: 15_000,
  });
  if (isAnswered) await (await server.next('GET /')).reply(json('hello'));
  return JSON.parse((await run).stdout) as Outcome;
}

describe('beside the authorities given, a client trusts', () => {
  it('those of NODE_EXTRA_CA_CERTS', async () => {
    const env = { NODE_EXTRA_CA_CERTS: certificates.ca.certFile };
    expect(await ask({ ca: [certificates.strangerClient.cert] }, env, true)).toEqual({ status: 200 });
    expect(await ask({}, env, true)).toEqual({ status: 200 });
  });

  it('those of the operating system where Node can list them, and says so where it cannot', async () => {
    const env = { SSL_CERT_FILE: certificates.ca.certFile };
    const canList = 'getCACertificates' in tls;
    for (const options of [{}, { ca: [certificates.strangerClient.cert] }]) {
      const outcome = await ask(options, env, canList);
      if (canList) expect(outcome).toEqual({ status: 200 });
      else
        expect(outcome).toMatchObject({
          code: 'upstream_untrusted',
          why: expect.stringContaining('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
        });
    }
  });

  it('nobody else', async () => {
    expect(await ask({ ca: [certificates.strangerClient.cert] }, {}, false)).toMatchObject({
      code: 'upstream_untrusted',
    });
  });
});
