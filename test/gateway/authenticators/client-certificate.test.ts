import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientCertificateAuthenticator } from '../../../src/gateway/authenticators/client-certificate.ts';
import { createGateway, type Gateway } from '../../../src/gateway/gateway.ts';
import type { Authentication } from '../../../src/gateway/policies/authenticate.ts';
import { bareContext } from '../../parts/bare-context.ts';
import { type Certificates, type Identity, makeCertificates } from '../../parts/certificates.ts';
import { within } from '../../parts/deadline.ts';
import { writeKeyFile } from '../../parts/gateway-server.ts';
import { type SilentUpstream, startSilentUpstream } from '../../parts/silent-upstream.ts';

let certificates: Certificates;
let upstream: SilentUpstream;
let keyFile: ReturnType<typeof writeKeyFile>;
const closes: (() => unknown)[] = [];
beforeAll(async () => {
  certificates = makeCertificates();
  upstream = await startSilentUpstream();
  keyFile = writeKeyFile(['alice']);
});
afterAll(async () => {
  for (const close of closes.reverse()) await close();
  await upstream.close();
  keyFile.remove();
  certificates.remove();
});

/** Asks for certificates and lets everybody through, so that it is the gateway that decides. */
function tlsOptions(): Record<string, unknown> {
  const { server, ca } = certificates;
  return { key: server.key, cert: server.cert, ca: ca.cert, requestCert: true, rejectUnauthorized: false };
}

async function start(mtls: 'accept' | 'require', hasKeys: boolean): Promise<Ask> {
  const gateway: Gateway = createGateway({
    upstream: upstream.url,
    mtls,
    ...(hasKeys ? { keyFile: keyFile.path } : {}),
  });
  const server = createServer(tlsOptions(), gateway.handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closes.push(async () => {
    await gateway.close();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return (identity, headers = {}) =>
    within(
      5000,
      'an answer',
      new Promise((fulfil, reject) => {
        const { ca } = certificates;
        const tls = { ca: ca.cert, ...(identity === undefined ? {} : { key: identity.key, cert: identity.cert }) };
        request({ host: '127.0.0.1', port, method: 'PUT', path: '/mcp', headers, agent: false, ...tls }, (res) => {
          res.resume();
          fulfil(res.statusCode ?? 0);
        })
          .on('error', reject)
          .end();
      }),
    );
}

type Ask = (identity: Identity | undefined, headers?: Record<string, string>) => Promise<number>;
const key = (): Record<string, string> => ({ Authorization: `Bearer ${keyFile.keys['alice']}` });
const SPOOFED = {
  'X-Client-Cert': 'client',
  'X-SSL-Client-Verify': 'SUCCESS',
  'X-SSL-Client-S-DN': 'CN=client',
  'X-Forwarded-Client-Cert': 'Hash=abc;Subject="CN=client"',
  'Client-Cert': ':abc=:',
};

describe('certificates that are one way among others (accept)', () => {
  let ask: Ask;
  beforeAll(async () => {
    ask = await start('accept', true);
  });

  it('a verified one lets in, and so does a key without one', async () => {
    expect(await ask(certificates.client)).toBe(405);
    expect(await ask(undefined, key())).toBe(405);
  });

  it('none, one of an authority that nobody trusts, and one that has expired do not', async () => {
    expect(await ask(undefined)).toBe(401);
    expect(await ask(certificates.strangerClient)).toBe(401);
    expect(await ask(certificates.expired)).toBe(401);
  });

  it('what headers say of certificates means nothing', async () => {
    expect(await ask(undefined, SPOOFED)).toBe(401);
    expect(await ask(certificates.strangerClient, SPOOFED)).toBe(401);
  });

  it('a certificate and a key are two credentials', async () => {
    expect(await ask(certificates.client, key())).toBe(401);
    expect(await ask(certificates.strangerClient, key())).toBe(401);
  });
});

describe('certificates that every request needs (require)', () => {
  it('are needed besides a key, where there are keys', async () => {
    const ask = await start('require', true);
    expect(await ask(certificates.client, key())).toBe(405);
    expect(await ask(certificates.client)).toBe(401);
    expect(await ask(undefined, key())).toBe(401);
    expect(await ask(certificates.strangerClient, key())).toBe(401);
    expect(await ask(certificates.expired, { ...key(), ...SPOOFED })).toBe(401);
  });

  it('are enough, where there is nothing else', async () => {
    const ask = await start('require', false);
    expect(await ask(certificates.client)).toBe(405);
    expect(await ask(undefined)).toBe(401);
    expect(await ask(undefined, { ...key(), ...SPOOFED })).toBe(401);
    expect(await ask(certificates.strangerClient)).toBe(401);
  });
});

describe('the principal', () => {
  it('is named after the certificate and ends with it, over HTTP/1.1 and HTTP/2', async () => {
    const authenticator = clientCertificateAuthenticator({ mtls: 'accept' });
    const found: (Authentication | Promise<Authentication>)[] = [];
    const server = createSecureServer({ ...tlsOptions(), allowHTTP1: true }, (req, res) => {
      found.push(authenticator.authenticate(bareContext({}, { req: req as never })));
      res.end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closes.push(() => server.close());
    const { port } = server.address() as AddressInfo;
    const { client, ca } = certificates;
    const tls = { ca: ca.cert, key: client.key, cert: client.cert };
    const session = connectHttp2(`https://127.0.0.1:${port}`, tls);
    for (let index = 0; index < 2; index++) {
      const stream = session.request({ ':path': '/' });
      stream.resume();
      await within(5000, 'the end of the answer', once(stream, 'end'));
    }
    session.close();
    await new Promise<void>((fulfil) => {
      request({ host: '127.0.0.1', port, agent: false, ...tls }, (res) => {
        res.resume().on('end', fulfil);
      }).end();
    });
    expect(found).toHaveLength(3);
    for (const one of found) {
      expect(one).toMatchObject({ id: 'mtls:client', method: 'mtls', expiresAt: Date.parse('2049-12-31T23:59:59Z') });
    }
  });

  /** As Node gives it, for names that no authority of the test's own would sign. */
  const nameOf = (certificate: Record<string, unknown>): unknown => {
    const socket = {
      encrypted: true,
      authorized: true,
      getPeerCertificate: () => ({ valid_to: 'Dec 31 23:59:59 2049 GMT', ...certificate }),
    };
    const found = clientCertificateAuthenticator({ mtls: 'accept' }).authenticate(
      bareContext({}, { req: { socket, headers: {} } as never }),
    );
    return typeof found === 'object' && 'id' in found ? found.id : found;
  };

  it.each([
    [{ subject: { CN: 'alice' }, subjectaltname: 'DNS:other' }, 'mtls:alice'],
    [{ subject: {}, subjectaltname: 'DNS:a.example, DNS:b.example' }, 'mtls:a.example'],
    [{ subject: {}, subjectaltname: 'email:a@example.com' }, 'mtls:a@example.com'],
    [{ subject: {}, subjectaltname: 'URI:spiffe://x/y' }, 'mtls:spiffe://x/y'],
    [{ subject: {}, subjectaltname: 'IP Address:192.0.2.1' }, 'mtls:192.0.2.1'],
    [{ subject: {}, subjectaltname: 'DNS:"a, DNS:admin", DNS:b' }, 'mtls:a, DNS:admin'],
    [{ subject: { O: 'x' } }, 'wrong'],
    [{ subject: { CN: ['alice', 'admin'] } }, 'wrong'],
    [{ subject: { CN: '' } }, 'wrong'],
    [{ subject: { CN: 'alice\nlevel=error' } }, 'wrong'],
    [{ subject: { CN: 'alice\u001b[2J' } }, 'wrong'],
    [{ subject: { CN: 'alice\0' } }, 'wrong'],
    [{ subject: { CN: 'x'.repeat(257) } }, 'wrong'],
    [{ subject: { CN: 'alice' }, valid_to: 'never' }, 'wrong'],
    [{ subject: { CN: 'alice' }, valid_to: 'Jan  1 00:00:00 2020 GMT' }, 'wrong'],
  ])('of %j is %j', (certificate, expected) => {
    expect(nameOf(certificate)).toBe(expected);
  });
});
