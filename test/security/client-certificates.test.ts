/**
 * T05: with --mtls require, who shows no certificate, one of his own making, one that has expired or one that is for
 * servers alone must not get through the handshake; with accept, a certificate that does not verify must not count as
 * none. Resumed sessions are a neighbour: they must not carry over what was verified once.
 */
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Listener, listen } from '../../src/gateway/listener/listener.ts';
import { silentLogger } from '../../src/log.ts';
import { type Certificates, type Identity, makeCertificates } from '../parts/certificates.ts';
import { within } from '../parts/deadline.ts';

let certificates: Certificates;
let require: Listener;
let accept: Listener;
const seen: (string | undefined)[] = [];
beforeAll(async () => {
  certificates = makeCertificates();
  const start = (mtls: 'accept' | 'require'): Promise<Listener> =>
    listen(
      (req, res) => {
        seen.push(req.url);
        res.end(String('authorized' in req.socket && req.socket.authorized));
      },
      {
        port: 0,
        logger: silentLogger,
        tlsCert: certificates.server.certFile,
        tlsKey: certificates.server.keyFile,
        tlsClientCa: certificates.ca.certFile,
        mtls,
      },
    );
  [require, accept] = [await start('require'), await start('accept')];
});
afterAll(async () => {
  await Promise.all([require.close(), accept.close()]);
  certificates.remove();
});

/** The body of the answer; empty where the connection was closed without one. */
function ask(listener: Listener, identity: Identity | undefined, maxVersion: 'TLSv1.2' | 'TLSv1.3'): Promise<string> {
  return within(
    5000,
    'an answer or the end',
    new Promise((fulfil) => {
      let text = '';
      const socket = connectTls({
        port: listener.port,
        host: '127.0.0.1',
        ca: certificates.ca.cert,
        maxVersion,
        ...(identity === undefined ? {} : { cert: identity.cert, key: identity.key }),
      });
      socket.on('secureConnect', () => socket.write('GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'));
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      socket.on('error', () => {});
      socket.on('close', () => fulfil(text.split('\r\n\r\n')[1] ?? ''));
    }),
  );
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
  it('lets in a certificate of the authority, whether it is needed or not', async () => {
    expect(await ask(require, certificates.client, version)).toContain('true');
    expect(await ask(accept, certificates.client, version)).toContain('true');
  });

  it('needs one only where it is required', async () => {
    expect(await ask(accept, undefined, version)).toContain('false');
    const before = seen.length;
    expect(await ask(require, undefined, version)).toBe('');
    expect(seen.length).toBe(before);
  });

  it.each([
    'strangerClient',
    'expired',
    'serverOnly',
  ] as const)('takes no certificate that is %s, in neither way', async (name) => {
    const before = seen.length;
    expect(await ask(require, certificates[name], version)).toBe('');
    expect(await ask(accept, certificates[name], version)).toBe('');
    expect(seen.length).toBe(before);
  });
});
