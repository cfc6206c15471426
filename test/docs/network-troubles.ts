/** Situations in which the server is not reached, by the headings of docs/troubleshooting.md. */
import { dirname } from 'node:path';
import { type Certificates, type Identity, makeCertificates } from '../parts/certificates.ts';
import { makeFakeSsh } from '../parts/fake-ssh.ts';
import { startHttpProxy } from '../parts/http-proxy.ts';
import { startTlsFront } from '../parts/tls-front.ts';
import { converse, during, findClosedPort, type Said, startTcp } from './staging.ts';

/** No resolver is asked for a name with a part of more than 63 letters. */
const NO_NAME = `https://${'x'.repeat(64)}.test/mcp`;
const SSH_URL = 'http://localhost:8000/sse';

export const NETWORK_TROUBLES: Readonly<Record<string, () => Promise<Said>>> = {
  'cannot reach <host>:<port>: ECONNREFUSED <address>:<port> (IPv4)': async () =>
    converse([`http://127.0.0.1:${await findClosedPort()}/sse`]),

  '<url> closed the connection without a response: closed by <address>:<port> (IPv4)': async () =>
    during(await startTcp((socket) => socket.end()), ({ port }) => converse([`http://localhost:${port}/sse`])),

  'cannot reach <host>:<port>: ENOTFOUND looking up <host>': () => converse([NO_NAME]),

  'cannot reach <host>:<port>: ETIMEDOUT <address>:<port> (IPv4)': async () =>
    during(await startTcp(() => {}), ({ port }) =>
      converse([`https://127.0.0.1:${port}/mcp`, '--connect-timeout', '0.2']),
    ),

  'cannot reach the proxy <proxy>:<port> on the way to <host>:<port>: ECONNREFUSED <address>:<port> (IPv4)': async () =>
    converse(['https://mcp.test/mcp'], { env: { https_proxy: `http://127.0.0.1:${await findClosedPort()}` } }),

  'the proxy <proxy>:<port> refused to connect to <host>:<port> for want of a credential: HTTP 407': () =>
    throughProxy('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'),

  'cannot reach <host>:<port>: <code> <address>:<port> (IPv4), its certificate is signed by an authority that is not trusted here':
    () => withCertificate(({ server }) => server, false),

  'cannot reach <host>:<port>: CERT_HAS_EXPIRED <address>:<port> (IPv4), its certificate has expired': () =>
    withCertificate(({ expired }) => expired, true),

  'cannot reach <host>:<port>: ERR_TLS_CERT_ALTNAME_INVALID <address>:<port> (IPv4), its certificate is for <names>':
    () => withCertificate(({ wrongName }) => wrongName, true),
};

/** Those with a program in the place of ssh, which says what OpenSSH says. They cannot be staged side by side. */
export const SSH_TROUBLES: Readonly<Record<string, () => Promise<Said>>> = {
  'ssh is not installed, or not on the PATH': () =>
    converse([SSH_URL, '--ssh', 'me@db.example.com'], { env: { PATH: '/nowhere' } }),

  'the SSH server refused to log in <user>@<host>: Permission denied (<methods>)': () =>
    throughSsh(`say('me@db.example.com: Permission denied (publickey,password).\\r\\n'); process.exit(255);`),

  'the host key of the SSH server <host> is not known on this machine': () =>
    throughSsh(`say('Host key verification failed.\\r\\n'); process.exit(255);`),

  'the SSH server <host> has another host key than before': () =>
    throughSsh(`
      say('@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\\r\\n');
      say('Host key for db.example.com has changed and you have requested strict checking.\\r\\n');
      say('Host key verification failed.\\r\\n');
      process.exit(255);`),

  'cannot reach the SSH server <host>:<port>: <reason>': () =>
    throughSsh(`say('ssh: connect to host db.example.com port 22: Connection timed out\\r\\n'); process.exit(255);`),

  'the SSH server <host> reaches no MCP server on <address>:<port>': () =>
    throughSsh(refusing('connect failed: Connection refused')),

  'the SSH server <host> forbids the tunnel to <address>:<port>': () =>
    throughSsh(refusing('administratively prohibited: open failed')),
};

async function throughProxy(refusal: string): Promise<Said> {
  const proxy = await startHttpProxy({ answer: () => refusal, isClosing: true });
  return during(proxy, () => converse(['https://mcp.test/mcp'], { env: { https_proxy: proxy.url } }));
}

async function withCertificate(choose: (all: Certificates) => Identity, isTrusted: boolean): Promise<Said> {
  const certificates = makeCertificates();
  try {
    const { cert, key } = choose(certificates);
    const trust = isTrusted ? ['--ca', certificates.ca.certFile] : [];
    return await during(await startTlsFront(await findClosedPort(), { cert, key }), ({ port }) =>
      converse([`https://127.0.0.1:${port}/mcp`, ...trust]),
    );
  } finally {
    certificates.remove();
  }
}

function throughSsh(script: string): Promise<Said> {
  const { command } = makeFakeSsh(script);
  const env = { PATH: `${dirname(command)}:${process.env['PATH']}` };
  return converse([SSH_URL, '--ssh', 'me@db.example.com'], { env });
}

/** The tunnel opens, but what should be at its far end is refused. */
function refusing(reason: string): string {
  return `up((socket) => { say('channel 2: open failed: ${reason}\\r\\n'); socket.destroy(); });`;
}
