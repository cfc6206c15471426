import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/log.ts';
import type { Transport } from '../../../src/relay/transport.ts';
import { createUpstream } from '../../../src/upstream/detection.ts';
import type { TlsOptions } from '../../../src/upstream/dial/tls-trust.ts';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { within } from '../../parts/deadline.ts';
import { startMcpServer, type TestMcpServer } from '../../parts/mcp-server.ts';
import { EventLog, messageOf, rejectionOf } from '../../parts/memory-transport.ts';
import { INITIALIZE } from '../../parts/raw-http.ts';
import { startTlsFront, type TlsFront } from '../../parts/tls-front.ts';

let certificates: Certificates;
let server: TestMcpServer;
let front: TlsFront;
const upstreams: Transport[] = [];

beforeAll(async () => {
  certificates = makeCertificates();
  server = await startMcpServer();
  const { cert, key } = certificates.server;
  front = await startTlsFront(server.port, { cert, key, requestCert: true, rejectUnauthorized: false });
});
afterEach(async () => {
  await Promise.all(upstreams.splice(0).map((upstream) => upstream.close()));
});
afterAll(async () => {
  await front.close();
  await server.kill();
  certificates.remove();
});

function create(kind: 'sse' | 'http', tls: TlsOptions): Transport {
  const url = new URL(`https://localhost:${front.port}/${kind === 'sse' ? 'sse' : 'mcp'}`);
  const upstream = createUpstream({ url, kind, tls, logger: silentLogger });
  upstreams.push(upstream);
  return upstream;
}

/** Starts it and says hello; rejects as either does. */
async function open(upstream: Transport): Promise<string> {
  const log = new EventLog();
  await upstream.start(log);
  await upstream.send(messageOf(INITIALIZE));
  const [welcome = ''] = await log.messageCount(1);
  await upstream.send(messageOf('{"jsonrpc":"2.0","method":"notifications/initialized"}'));
  await upstream.send(
    messageOf('{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"big","arguments":{"bytes":300000}}}'),
  );
  const [, result = ''] = await log.messageCount(2);
  expect(result.length).toBeGreaterThan(300_000);
  return welcome;
}

describe.each(['sse', 'http'] as const)('over https, the %s transport', (kind) => {
  it('works with a server whose authority is given', async () => {
    const { ca } = certificates;
    expect(await within(5000, 'the handshake', open(create(kind, { ca: [ca.cert] })))).toContain('test-server');
    expect(front.clientNames.at(-1)).toBe('');
    expect(front.serverNames.at(-1)).toBe('localhost');
  });

  it('shows the client’s certificate', async () => {
    const { ca, client } = certificates;
    const tls = { ca: [ca.cert], cert: client.cert, key: client.key };
    expect(await within(5000, 'the handshake', open(create(kind, tls)))).toContain('test-server');
    expect(front.clientNames.at(-1)).toBe('client');
  });

  it('does not begin with a server whose authority nobody trusts', async () => {
    const { strangerClient } = certificates;
    const error = await within(5000, 'the rejection', rejectionOf(open(create(kind, { ca: [strangerClient.cert] }))));
    expect(error).toMatchObject({
      code: 'upstream_untrusted',
      message: `cannot reach localhost:${front.port}`,
      mayHaveRun: false,
    });
    expect(error.hint).toContain('--ca');
  });
});
