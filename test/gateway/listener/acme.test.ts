import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AcmeCertificates } from '../../../src/gateway/listener/acme.ts';
import { isRenewalDue, nextCheckMs, systemClock } from '../../../src/gateway/listener/acme-clock.ts';
import type { AcmeSettings } from '../../../src/gateway/listener/acme-options.ts';
import { AcmeStore, checkCertificate } from '../../../src/gateway/listener/acme-store.ts';
import { createLineLogger, silentLogger } from '../../../src/log.ts';
import { createTestClock, type TestClock } from '../../parts/acme-clock.ts';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { until } from '../../parts/deadline.ts';
import { makeSelfSigned } from '../../parts/self-signed.ts';

const DOMAINS = ['db.example.test'];
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const PAIR = makeSelfSigned(DOMAINS, 90);

let certificates: Certificates;
/** An authority that answers as the test says. */
let authority: Server;
let answer: RequestListener;
let requests: string[];
let folder: string;
let log: string;
let clock: TestClock;
const opened: AcmeCertificates[] = [];

beforeAll(async () => {
  certificates = makeCertificates();
  const { cert, key } = certificates.server;
  authority = createServer({ cert, key }, (request: IncomingMessage, response: ServerResponse) => {
    requests.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((fulfil) => authority.listen(0, '127.0.0.1', fulfil));
});
afterAll(() => {
  authority.closeAllConnections();
  authority.close();
  certificates.remove();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-acme-'));
  log = '';
  requests = [];
  clock = createTestClock();
  answer = (_request, response) => response.writeHead(503).end();
});
afterEach(() => {
  for (const source of opened.splice(0)) source.close();
  rmSync(folder, { recursive: true, force: true });
});

const origin = (): string => `https://localhost:${(authority.address() as AddressInfo).port}`;

async function openSource(settings: Partial<AcmeSettings> = {}): Promise<AcmeCertificates> {
  const logger = createLineLogger({
    level: 'debug',
    write: (line) => {
      log += line;
    },
  });
  const source = await AcmeCertificates.open({
    domains: DOMAINS,
    directory: `${origin()}/directory`,
    folder,
    ca: certificates.ca.cert,
    redirectPort: 0,
    logger,
    clock,
    // The middle of every spread.
    random: () => 0.5,
    ...settings,
  });
  opened.push(source);
  return source;
}

/** Keeps a certificate as one that was issued earlier. */
async function keep(pair = PAIR): Promise<void> {
  const store = await AcmeStore.open(folder, new URL(`${origin()}/directory`), silentLogger);
  await store.writeCertificate(checkCertificate(pair.cert, pair.key, DOMAINS));
}

const lookOf = (count: number): Promise<void> =>
  until(`look ${count} ends; log: ${log}`, () => clock.plans() === count);

describe('when a certificate is renewed', () => {
  it('is when less than a third of its life is left', () => {
    const validity = { notBefore: 0, notAfter: 90 * DAY_MS };
    for (const day of [-1, 0, 1, 59, 60]) expect(isRenewalDue(validity, day * DAY_MS)).toBe(false);
    expect(isRenewalDue(validity, 60 * DAY_MS + 1)).toBe(true);
    for (const day of [61, 90, 1000]) expect(isRenewalDue(validity, day * DAY_MS)).toBe(true);
  });

  it('is right for lives of six days and of years too', () => {
    expect(isRenewalDue({ notBefore: 0, notAfter: 6 * DAY_MS }, 4 * DAY_MS + 1)).toBe(true);
    expect(isRenewalDue({ notBefore: 0, notAfter: 6 * DAY_MS }, 4 * DAY_MS)).toBe(false);
    expect(isRenewalDue({ notBefore: 0, notAfter: 900 * DAY_MS }, 599 * DAY_MS)).toBe(false);
  });

  it('is looked at every hour, spread by a tenth, by a timer that keeps no process alive', () => {
    expect([0, 0.5, 1].map((number) => nextCheckMs(() => number) / HOUR_MS)).toEqual([0.9, 1, 1.1]);
    const before = process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const cancel = systemClock.after(HOUR_MS, () => {});
    expect(process.getActiveResourcesInfo().filter((name) => name === 'Timeout')).toHaveLength(before);
    cancel();
  });
});

describe('automatic certificates', () => {
  it('a stored certificate is served from the beginning; nobody is asked until it is due', async () => {
    await keep();
    const source = await openSource();
    expect(source.current()).toEqual({ cert: PAIR.cert, key: PAIR.key });
    source.start();
    await lookOf(1);
    for (let look = 2; look < 10; look++) {
      clock.runPlanned();
      await lookOf(look);
    }
    expect(requests).toEqual([]);
    clock.moveTo(Date.now() + 61 * DAY_MS);
    clock.runPlanned();
    await lookOf(10);
    expect(requests).toEqual(['GET /directory']);
    expect(source.current()).toEqual({ cert: PAIR.cert, key: PAIR.key });
  });

  it('the tries grow rarer up to one in twelve hours, and no two are made at a time', async () => {
    const source = await openSource();
    source.start();
    source.start();
    const minutes: number[] = [];
    for (let look = 1; look <= 13; look++) {
      await lookOf(look);
      minutes.push(clock.plannedMs()! / 60_000);
      expect(requests).toHaveLength(look);
      clock.runPlanned();
    }
    expect(minutes).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 720, 720, 720]);
    expect(source.current()).toBeUndefined();
  });

  it.each([
    [0, 0.75],
    [1, 1.25],
  ])('the first wait is spread by a quarter (%d)', async (random, minutes) => {
    const source = await openSource({ random: () => random });
    source.start();
    await lookOf(1);
    expect(clock.plannedMs()).toBe(minutes * 60_000);
  });

  it('an authority that says how long to wait is not asked earlier, but within a day', async () => {
    answer = (_request, response) => response.writeHead(429, { 'Retry-After': '7200' }).end();
    const source = await openSource();
    source.start();
    await lookOf(1);
    expect(clock.plannedMs()).toBe(2 * HOUR_MS);
    answer = (_request, response) => response.writeHead(503, { 'Retry-After': '99999999' }).end();
    clock.runPlanned();
    await lookOf(2);
    expect(clock.plannedMs()).toBe(24 * HOUR_MS);
    answer = (_request, response) => response.writeHead(503, { 'Retry-After': 'soon' }).end();
    clock.runPlanned();
    await lookOf(3);
    expect(clock.plannedMs()).toBe(4 * 60_000);
  });

  it.each<[string, RequestListener, RegExp]>([
    ['503', (_request, response) => response.writeHead(503).end(), /returned error 503/],
    ['a page', (_request, response) => response.end('<html>'), /gave no certificate for db\.example\.test: /],
    ['nothing', (request) => request.socket.destroy(), /was not reached: ECONNRESET/],
    [
      'without an end',
      (_request, response) => {
        response.on('error', () => {}).write('x'.repeat(2_000_000));
      },
      /its response is longer than 1048576 bytes/,
    ],
    [
      'a directory of plain http',
      (_request, response) =>
        response
          .setHeader('Content-Type', 'application/json')
          .end(JSON.stringify({ newNonce: 'http://127.0.0.1:9/', newAccount: 'http://127.0.0.1:9/' })),
      /http:\/\/127\.0\.0\.1:9 is not asked: it is not an https URL/,
    ],
  ])('an authority that answers with %s is named, and the old certificate served', async (_what, listener, line) => {
    await keep();
    answer = listener;
    const source = await openSource();
    clock.moveTo(Date.now() + 61 * DAY_MS);
    source.start();
    await lookOf(1);
    expect(log).toMatch(line);
    expect(log).toMatch(/warn .*; next try in 1 min, the one that is valid until .* is served meanwhile/);
    expect(log.trim().split('\n')).toHaveLength(1);
    expect(source.current()).toEqual({ cert: PAIR.cert, key: PAIR.key });
  });

  it('a certificate that has run out meanwhile is an error, no warning', async () => {
    await keep();
    const source = await openSource();
    clock.moveTo(Date.now() + 91 * DAY_MS);
    source.start();
    await lookOf(1);
    expect(log).toMatch(/^error /);
  });

  it('one that another process put into the folder is taken, and nobody asked', async () => {
    const source = await openSource();
    let changes = 0;
    source.onChange(() => changes++);
    await keep();
    source.start();
    await lookOf(1);
    expect(source.current()).toEqual({ cert: PAIR.cert, key: PAIR.key });
    expect(changes).toBe(1);
    expect(requests).toEqual([]);
  });

  it('a stored certificate that is broken is told once, and the attempts go on', async () => {
    await keep();
    const [authorityFolder] = readdirSync(folder);
    writeFileSync(join(folder, authorityFolder!, 'certificate.pem'), 'nonsense');
    const source = await openSource();
    source.start();
    await lookOf(1);
    clock.runPlanned();
    await lookOf(2);
    expect(log.match(/the stored certificate is not used/g)).toHaveLength(1);
    expect(requests).toHaveLength(2);
  });

  it('the account key is made once and kept, whatever becomes of the order', async () => {
    const source = await openSource();
    source.start();
    await lookOf(1);
    const [authorityFolder] = readdirSync(folder);
    const path = join(folder, authorityFolder!, 'account.key');
    const key = readFileSync(path, 'utf8');
    clock.runPlanned();
    await lookOf(2);
    expect(readFileSync(path, 'utf8')).toBe(key);
    expect(log).not.toContain('PRIVATE KEY');
  });

  it('close ends a request that hangs, and nothing is planned or said after it', async () => {
    let hasEnded = false;
    answer = (request) => {
      request.socket.on('close', () => {
        hasEnded = true;
      });
    };
    const source = await openSource();
    source.start();
    await until('the authority is asked', () => requests.length === 1);
    source.close();
    source.close();
    await until('the connection has ended', () => hasEnded);
    expect(clock.plans()).toBe(0);
    expect(log).toBe('');
  });

  it('close cancels what is planned', async () => {
    const source = await openSource();
    source.start();
    await lookOf(1);
    source.close();
    expect(clock.plannedMs()).toBeUndefined();
  });

  it('paths that no challenge has are not answered', async () => {
    const source = await openSource();
    const challenge = '/.well-known/acme-challenge/';
    for (const path of ['/', challenge, `${challenge}x`, `${challenge}__proto__`, `${challenge}../account.key`]) {
      expect(source.challengeAnswer(path)).toBeUndefined();
    }
  });
});
