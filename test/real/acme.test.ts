import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer, get, type Server } from 'node:http';
import { get as httpsGet } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createSecureContext, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AcmeCertificates } from '../../src/gateway/listener/acme.ts';
import type { AcmeSettings } from '../../src/gateway/listener/acme-options.ts';
import { createLineLogger } from '../../src/log.ts';
import { createTestClock, type TestClock } from '../parts/acme-clock.ts';
import { type Certificates, makeCertificates } from '../parts/certificates.ts';
import { until, within } from '../parts/deadline.ts';
import { type DnsServer, startDnsServer } from '../parts/dns-server.ts';
import { type Pebble, startPebble } from './pebble.mjs';

const DOMAINS = ['db.example.test', 'mcp.example.test'];
const DAY_MS = 86_400_000;

let certificates: Certificates;
let dns: DnsServer;
let challenges: Server;
let pebble: Pebble;
let folder: string;
let log: string;
let clock: TestClock;
/** Whose answers the challenge port gives. */
let asked: AcmeCertificates | undefined;
/** Called when the authority asks, after the source was closed. */
let onAsked: (() => void) | undefined;
const opened: AcmeCertificates[] = [];

beforeAll(async () => {
  certificates = makeCertificates();
  dns = await startDnsServer();
  challenges = createServer((request, response) => {
    if (onAsked !== undefined) {
      asked?.close();
      onAsked();
    }
    const answer = asked?.challengeAnswer(request.url ?? '');
    response.writeHead(answer === undefined ? 404 : 200, { 'Content-Type': 'text/plain' }).end(answer);
  });
  await new Promise<void>((fulfil) => challenges.listen(0, '127.0.0.1', fulfil));
  const { certFile, keyFile } = certificates.server;
  pebble = await startPebble({ certFile, keyFile, httpPort: challengePort(), dnsPort: dns.port });
});
afterAll(async () => {
  await pebble?.stop();
  challenges?.close();
  await dns?.close();
  certificates?.remove();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-acme-'));
  log = '';
  clock = createTestClock();
  onAsked = undefined;
});
afterEach(() => {
  for (const source of opened.splice(0)) source.close();
  rmSync(folder, { recursive: true, force: true });
});

const challengePort = (): number => (challenges.address() as AddressInfo).port;

async function openSource(settings: Partial<AcmeSettings> = {}): Promise<AcmeCertificates> {
  const logger = createLineLogger({
    level: 'debug',
    write: (line) => {
      log += line;
    },
  });
  const source = await AcmeCertificates.open({
    domains: DOMAINS,
    directory: pebble.directory,
    folder,
    ca: certificates.ca.cert,
    redirectPort: challengePort(),
    logger,
    clock,
    ...settings,
  });
  opened.push(source);
  asked = source;
  return source;
}

/** Starts it, and waits for the end of its first look, which plans the next. */
async function startSource(source: AcmeCertificates): Promise<void> {
  source.start();
  await until(`the first look ends; log:\n${log}`, () => clock.plans() === 1, 60_000);
}

const countOrders = (): number => pebble.log().split('Issued certificate').length - 1;

/** The certificate that a TLS client gets for a name, checked against the authority's root. */
async function shakeHands(source: AcmeCertificates, servername: string): Promise<string> {
  const ca = await rootOfPebble();
  const server = createTlsServer({
    SNICallback: (_name, done) => {
      const current = source.current();
      if (current === undefined) done(new Error('no certificate yet'));
      else done(null, createSecureContext(current));
    },
  });
  const sockets: Socket[] = [];
  server.on('secureConnection', (socket: TLSSocket) => sockets.push(socket.on('error', () => {})));
  server.on('tlsClientError', () => {});
  await new Promise<void>((fulfil) => server.listen(0, '127.0.0.1', fulfil));
  const { port } = server.address() as AddressInfo;
  try {
    return await within(
      5000,
      'a TLS handshake',
      new Promise((fulfil, reject) => {
        const client = connect({ port, host: '127.0.0.1', servername, ca }, () => {
          fulfil(client.getPeerCertificate().serialNumber);
          client.destroy();
        });
        client.on('error', reject);
      }),
    );
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const rootOfPebble = (): Promise<string> =>
  new Promise((fulfil, reject) => {
    httpsGet(pebble.rootUrl, { ca: certificates.ca.cert, family: 4 }, async (response) => {
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      fulfil(text);
    }).on('error', reject);
  });

const statusOf = (path: string): Promise<number | undefined> =>
  new Promise((fulfil, reject) => {
    get({ port: challengePort(), host: '127.0.0.1', path }, (response) => {
      response.resume();
      fulfil(response.statusCode);
    }).on('error', reject);
  });

describe('against a real Pebble, which refuses every twentieth nonce', () => {
  it('a certificate is issued for all names, served over TLS, and kept where nobody else can read it', async () => {
    const source = await openSource({ email: 'admin@example.test' });
    expect(source.current()).toBeUndefined();
    let changes = 0;
    source.onChange(() => changes++);
    await startSource(source);
    expect(log).toContain('the certificate for db.example.test, mcp.example.test is valid until');
    expect(changes).toBe(1);
    const serial = await shakeHands(source, 'db.example.test');
    expect(await shakeHands(source, 'mcp.example.test')).toBe(serial);
    await expect(shakeHands(source, 'other.example.test')).rejects.toThrow(/altnames|Hostname/);

    const [authority] = readdirSync(folder);
    expect(readdirSync(join(folder, authority!)).sort()).toEqual(['account.key', 'certificate.pem']);
    const modes = ['', 'account.key', 'certificate.pem'].map((name) => statSync(join(folder, authority!, name)).mode);
    expect(modes.map((mode) => (mode & 0o777).toString(8))).toEqual(['700', '600', '600']);
    expect(readFileSync(join(folder, authority!, 'certificate.pem'), 'utf8')).toContain('PRIVATE KEY');
    // What was the answer to a challenge is none afterwards.
    const path = /\/\.well-known\/acme-challenge\/[\w-]{20,}/.exec(pebble.log())![0];
    expect(await statusOf(path)).toBe(404);
  });

  it('a restart serves the stored certificate at once, and orders nothing', async () => {
    const first = await openSource();
    await startSource(first);
    const serial = await shakeHands(first, 'db.example.test');
    first.close();
    const orders = countOrders();

    clock = createTestClock();
    const second = await openSource();
    expect(await shakeHands(second, 'db.example.test')).toBe(serial);
    await startSource(second);
    expect(countOrders()).toBe(orders);
    expect(await shakeHands(second, 'db.example.test')).toBe(serial);
    // The next look is an hour away, spread by a tenth.
    expect(clock.plannedMs()).toBeGreaterThanOrEqual(54 * 60_000);
    expect(clock.plannedMs()).toBeLessThanOrEqual(66 * 60_000);
  });

  it('other names are another certificate', async () => {
    const first = await openSource();
    await startSource(first);
    first.close();
    clock = createTestClock();
    const second = await openSource({ domains: ['mcp.example.test'] });
    expect(second.current()).toBeUndefined();
    expect(log).toMatch(/it is for .*db\.example\.test.*, not for mcp\.example\.test/);
    await startSource(second);
    await expect(shakeHands(second, 'db.example.test')).rejects.toThrow(/altnames|Hostname/);
    expect(await shakeHands(second, 'mcp.example.test')).toMatch(/^[0-9A-F]+$/);
  });

  it('when less than a third of its life is left, the certificate is replaced by a new one', async () => {
    const source = await openSource();
    await startSource(source);
    const old = await shakeHands(source, 'db.example.test');
    const lifeMs = lifeOf(log);
    clock.moveTo(Date.now() + (lifeMs * 2) / 3 - DAY_MS);
    clock.runPlanned();
    await until('the look ends', () => clock.plans() === 2);
    expect(await shakeHands(source, 'db.example.test')).toBe(old);

    let changes = 0;
    source.onChange(() => changes++);
    clock.moveTo(Date.now() + (lifeMs * 2) / 3 + DAY_MS);
    clock.runPlanned();
    await until('a new certificate', () => changes === 1, 60_000);
    const renewed = await shakeHands(source, 'db.example.test');
    expect(renewed).not.toBe(old);
    await until('the file is the new one', () => clock.plans() === 3);
    clock = createTestClock();
    const restarted = await openSource();
    expect(await shakeHands(restarted, 'db.example.test')).toBe(renewed);
  });

  it('while the authority is down the old certificate is served, and the tries grow rarer', async () => {
    const source = await openSource();
    await startSource(source);
    const old = source.current();
    clock.moveTo(Date.now() + lifeOf(log));
    await pebble.end();
    try {
      const waits: number[] = [];
      for (const look of [2, 3, 4]) {
        clock.runPlanned();
        await until('the try fails', () => clock.plans() === look);
        waits.push(clock.plannedMs()! / 60_000);
      }
      expect(source.current()).toEqual(old);
      expect(log.match(/ACME authority at localhost:\d+ was not reached: ECONNREFUSED/g)).toHaveLength(3);
      expect(log).toMatch(/next try in \d min, the one that is valid until .* is served meanwhile/);
      for (const [index, minutes] of [1, 2, 4].entries()) {
        expect(waits[index]).toBeGreaterThanOrEqual(minutes * 0.75);
        expect(waits[index]).toBeLessThanOrEqual(minutes * 1.25);
      }
    } finally {
      await pebble.start();
    }
    // It has forgotten our account.
    // A try may meet more refused nonces in a row than it bears; the next one then does it.
    for (let look = 5; look <= 9 && source.current()?.cert === old?.cert; look++) {
      clock.runPlanned();
      await until('the try ends', () => clock.plans() === look, 60_000);
    }
    expect(log.split('\n').at(-2)).toMatch(/^info .*is valid until/);
    expect(source.current()?.cert).not.toBe(old?.cert);
  });

  it('an authority that finds another answer at the domain is quoted, with the domain', async () => {
    const source = await openSource();
    asked = undefined;
    await startSource(source);
    expect(source.current()).toBeUndefined();
    expect(log).toMatch(
      /error .*gave no certificate for db\.example\.test, mcp\.example\.test: (db|mcp)\.example\.test: /,
    );
    expect(log).toMatch(/no certificate can be served until then/);
  });

  it('what the authority refuses at once is quoted with the kind of refusal', async () => {
    const source = await openSource({ domains: ['blocked.example.test'] });
    await startSource(source);
    expect(log).toMatch(/gave no certificate for blocked\.example\.test: .+ \(\w+\); next try in/);
  });

  it('a directory whose own certificate another authority signed is not asked', async () => {
    const source = await openSource({ ca: certificates.strangerClient.cert });
    await startSource(source);
    expect(source.current()).toBeUndefined();
    expect(log).toMatch(/the ACME directory at localhost:\d+ is not trusted: UNABLE_TO_\w+, /);
    expect(log).toContain('--acme-ca');
    expect(readdirSync(join(folder, readdirSync(folder)[0]!))).toEqual(['account.key']);
  });

  it('close ends an attempt in the middle of its proof; nothing is issued, planned or said after it', async () => {
    const source = await openSource();
    const orders = countOrders();
    const before = pebble.log().length;
    const asking = new Promise<void>((fulfil) => {
      onAsked = fulfil;
    });
    source.start();
    await within(30_000, 'the authority asks', asking);
    // What it still asks is no longer answered.
    await until('the authority gives up', () => / set INVALID /.test(pebble.log().slice(before)), 30_000);
    expect(clock.plans()).toBe(0);
    expect(log).toBe('');
    expect(countOrders()).toBe(orders);
    expect(source.current()).toBeUndefined();
  });
});

/** From now to the end of the certificate that the log tells of. */
function lifeOf(text: string): number {
  return Date.parse(/valid until (\S+)/.exec(text)![1]!) - Date.now();
}
