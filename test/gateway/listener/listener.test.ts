import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listen } from '../../../src/gateway/listener/listener.ts';
import type { ListenerOptions } from '../../../src/gateway/listener/listener-options.ts';
import { createLineLogger, silentLogger } from '../../../src/log.ts';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { until, within } from '../../parts/deadline.ts';

let certificates: Certificates;
let folder: string;
beforeAll(() => {
  certificates = makeCertificates();
  folder = mkdtempSync(join(tmpdir(), 'drawbridge-listener-'));
});
afterAll(() => {
  certificates.remove();
  rmSync(folder, { recursive: true, force: true });
});

const start = (options: Partial<ListenerOptions>): ReturnType<typeof listen> =>
  listen((_req, res) => void res.end('ok'), { port: 0, logger: silentLogger, ...options });

/** The serial number of the certificate that a new handshake shows. */
function serialAt(port: number): Promise<string> {
  return within(
    5000,
    'a handshake',
    new Promise((fulfil, reject) => {
      const options = { port, host: '127.0.0.1', ca: certificates.ca.cert, checkServerIdentity: () => undefined };
      const socket = connectTls(options, () => {
        fulfil(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
      socket.on('error', reject);
    }),
  );
}

describe('options that cannot be used stop the start and are named', () => {
  it('a port that is in use', async () => {
    const other = createServer();
    await new Promise<void>((fulfil) => other.listen(0, '127.0.0.1', fulfil));
    const { port } = other.address() as { port: number };
    await expect(start({ port })).rejects.toMatchObject({
      code: 'listen_failed',
      message: `port ${port} of 127.0.0.1 is in use`,
    });
    other.close();
  });

  it.each([
    ['a certificate without its key', { tlsCert: 'a.pem' }, /--tls-key is missing/],
    ['a key without its certificate', { tlsKey: 'a.key' }, /--tls-cert is missing/],
    ['client certificates without TLS', { tlsClientCa: 'ca.pem' }, /--tls-client-ca needs TLS/],
    ['a redirect without TLS', { redirectPort: 0, publicUrl: 'https://mcp.test' }, /--redirect-port needs TLS/],
    ['a PROXY line from nobody', { proxyProtocol: true }, /--proxy-protocol needs --trust-proxies/],
    ['a proxy that is no CIDR', { proxyProtocol: true, trustProxies: ['10.0.0.0/33'] }, /--trust-proxies has an entry/],
    [
      'a file that is not there',
      { tlsCert: '/nowhere.pem', tlsKey: '/nowhere.key' },
      /--tls-cert \/nowhere\.pem cannot/,
    ],
  ])('%s', async (_name, options, message) => {
    await expect(start(options)).rejects.toMatchObject({ code: 'config', message: expect.stringMatching(message) });
  });

  it('a key of another certificate, a file that is no certificate, and a redirect to nowhere', async () => {
    const { server, client } = certificates;
    const junk = join(folder, 'junk.pem');
    writeFileSync(junk, 'junk');
    const own = { tlsCert: server.certFile, tlsKey: server.keyFile };
    await expect(start({ ...own, tlsKey: client.keyFile })).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('do not belong together'),
    });
    await expect(start({ ...own, tlsCert: junk })).rejects.toMatchObject({ code: 'config', message: /--tls-cert/ });
    await expect(start({ ...own, tlsKey: junk })).rejects.toMatchObject({ code: 'config', message: /--tls-key/ });
    await expect(start({ ...own, tlsClientCa: junk })).rejects.toMatchObject({ message: /--tls-client-ca/ });
    await expect(start({ ...own, redirectPort: 0 })).rejects.toMatchObject({ message: /needs --public-url/ });
  });
});

describe('certificates of files', () => {
  it('are read again when they change, a broken one is not taken, and what is open goes on', async () => {
    const [tlsCert, tlsKey] = [join(folder, 'own.pem'), join(folder, 'own.key')];
    const use = ({ certFile, keyFile }: { certFile: string; keyFile: string }): void => {
      copyFileSync(certFile, tlsCert);
      copyFileSync(keyFile, tlsKey);
    };
    use(certificates.server);
    let log = '';
    const logger = createLineLogger({
      level: 'debug',
      write: (line) => {
        log += line;
      },
    });
    const listener = await listen(
      (_req, res) => {
        res.write('begin');
        release = () => res.end('end');
      },
      { port: 0, logger, tlsCert, tlsKey },
    );
    let release = (): void => {};
    const first = await serialAt(listener.port);
    const open = new Promise<string>((fulfil, reject) => {
      request({ port: listener.port, host: '127.0.0.1', ca: certificates.ca.cert, agent: false }, (res) => {
        let text = '';
        res.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        res.on('end', () => fulfil(text));
      })
        .on('error', reject)
        .end();
    });
    use(certificates.client);
    await until(
      'the new certificate is used',
      async () => (await serialAt(listener.port).catch(() => first)) !== first,
    );
    const second = await serialAt(listener.port);
    writeFileSync(tlsCert, 'broken');
    listener.reloadCertificates();
    expect(log).toContain('error the old certificate stays in use');
    copyFileSync(certificates.server.certFile, tlsCert);
    listener.reloadCertificates();
    expect(log).toContain('do not belong together');
    expect(await serialAt(listener.port)).toBe(second);
    release();
    expect(await within(5000, 'the open answer', open)).toBe('beginend');
    await listener.close();
  });

  it('are complained of when they have expired', async () => {
    let log = '';
    const logger = createLineLogger({
      level: 'info',
      write: (line) => {
        log += line;
      },
    });
    const { certFile, keyFile } = certificates.expired;
    const listener = await start({ tlsCert: certFile, tlsKey: keyFile, logger });
    expect(log).toContain('has expired');
    await listener.close();
  });
});
