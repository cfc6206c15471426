import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/check/finding.ts';
import { type Certificates, makeCertificates } from '../parts/certificates.ts';
import { until } from '../parts/deadline.ts';
import { startGateway } from '../parts/gateway-server.ts';
import { startListeningGateway } from '../parts/listener.ts';
import { startMcpServer } from '../parts/mcp-server.ts';
import { startModernServer } from '../parts/modern-server.ts';
import { startStagedMcp } from '../parts/staged-mcp.ts';
import { walked } from '../parts/walked.ts';

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

const verdicts = (found: readonly Finding[]): string[] => found.map(({ hop, verdict }) => `${hop} ${verdict}`);
const troubles = (found: readonly Finding[]): Finding[] =>
  found.filter(({ verdict }) => verdict === 'warn' || verdict === 'fail');

describe('of a server that is in order nothing is said but that', () => {
  it('over legacy SSE, each hop once and in order', async () => {
    const server = await startStagedMcp();
    endings.push(server.close);
    const found = await walked(server.url('/sse'), { origin: 'https://app.example.com' });
    expect(verdicts(found)).toEqual([
      'machine ok',
      'dns ok',
      'tcp ok',
      'clock ok',
      'http ok',
      'stream ok',
      'endpoint ok',
      'post ok',
      'initialize ok',
      'tools ok',
      'ping ok',
      'heartbeat ok',
      'cors ok',
      'host ok',
    ]);
    const said = (hop: string): string | undefined => found.find((finding) => finding.hop === hop)?.said;
    expect(said('tcp')).toMatch(/^127\.0\.0\.1:\d+ \(IPv4\) in \d+ ms$/);
    expect(said('initialize')).toMatch(/^staged 1\.0, protocol 2025-11-25, in \d+ ms$/);
    expect(said('tools')).toMatch(/^1 tool in \d+ ms$/);
    expect(said('heartbeat')).toContain('comment');
    await until('its stream is closed', () => server.openCount() === 0);
  });

  it('over Streamable HTTP, and its session is ended', async () => {
    const server = await startStagedMcp();
    endings.push(server.close);
    const found = await walked(server.url('/mcp'), { origin: 'https://app.example.com' });
    expect(troubles(found)).toEqual([]);
    expect(verdicts(found)).toContain('ping ok');
    expect(verdicts(found)).toContain('cors ok');
    expect(server.openCount()).toBe(0);
  });

  it.each(['/sse', '/mcp'])('at %s of a proxy that answers foreign names with an empty 200', async (path) => {
    const server = await startStagedMcp({
      isGuarded: false,
      intercept: (req, res) => {
        if (req.headers.host !== 'drawbridge-check.invalid') return false;
        res.writeHead(200).end();
        return true;
      },
    });
    endings.push(server.close);
    const found = await walked(server.url(path));
    expect(troubles(found)).toEqual([]);
    expect(found.find(({ hop }) => hop === 'host')?.said).toBe(
      'a foreign Host does not lead to the MCP server: HTTP 200',
    );
  });

  // The SDK's transports look at no Host, and send no heartbeat, unless they are told to.
  const WITHOUT_HEARTBEAT = { heartbeatMs: 0, until: 'cors' } as const;

  it('the SDK’s server over SSE', async () => {
    const server = await startMcpServer({ transports: ['sse'] });
    endings.push(server.kill);
    const found = await walked(server.sseUrl, WITHOUT_HEARTBEAT);
    expect(troubles(found)).toEqual([]);
    expect(verdicts(found)).toEqual(expect.arrayContaining(['post ok', 'initialize ok', 'tools ok', 'ping ok']));
    await until('its session is ended', () => server.sessionCount() === 0);
  });

  it.each([true, false])('the SDK’s server over Streamable HTTP, answers as JSON: %s', async (json) => {
    const server = await startMcpServer({ transports: ['http'], json });
    endings.push(server.kill);
    const found = await walked(server.httpUrl, { ...WITHOUT_HEARTBEAT, heartbeatMs: 50 });
    expect(troubles(found)).toEqual([]);
    expect(verdicts(found)).toEqual(expect.arrayContaining(['initialize ok', 'tools ok', 'ping ok', 'heartbeat ok']));
    expect(server.sessionCount()).toBe(0);
  });

  it('a server of 2026-07-28 alone', async () => {
    const server = await startModernServer();
    endings.push(server.close);
    const found = await walked(server.url, WITHOUT_HEARTBEAT);
    expect(troubles(found)).toEqual([]);
    expect(found.find(({ hop }) => hop === 'initialize')?.said).toMatch(
      /^modern-server 1\.0\.0, protocol 2026-07-28 alone/,
    );
    expect(found.find(({ hop }) => hop === 'tools')?.said).toMatch(/^\d+ tools in/);
    expect(verdicts(found)).toContain('ping skip');
  });

  it.each(['/sse', '/mcp'])('our gateway with a key at %s', async (path) => {
    const upstream = await startMcpServer();
    endings.push(upstream.kill);
    const origin = 'https://app.example.com';
    const options = { upstream: upstream.sseUrl, heartbeatMs: 50, allowedOrigins: [origin] };
    const gateway = await startGateway(options);
    endings.push(gateway.close);
    const found = await walked(`${gateway.origin}${path}`, { headers: gateway.alice, origin });
    expect(troubles(found)).toEqual([]);
    expect(verdicts(found)).toEqual(
      expect.arrayContaining([
        'challenge ok',
        'initialize ok',
        'tools ok',
        'ping ok',
        'heartbeat ok',
        'cors ok',
        'host ok',
      ]),
    );
    await until('its sessions are ended', () => upstream.sessionCount() === 0);
  });
});

describe('through TLS', () => {
  let certificates: Certificates;

  it('our gateway with a key and a certificate of an authority that is given', async () => {
    certificates = makeCertificates();
    endings.push(() => certificates.remove());
    const upstream = await startMcpServer();
    endings.push(upstream.kill);
    const { server, ca } = certificates;
    const tls = { tlsCert: server.certFile, tlsKey: server.keyFile };
    const gateway = await startListeningGateway({ upstream: upstream.sseUrl, heartbeatMs: 50 }, tls);
    endings.push(gateway.close);
    const headers = { Authorization: gateway.alice.authorization };
    const found = await walked(`https://127.0.0.1:${gateway.port}/sse`, { headers, tls: { ca: [ca.cert] } });
    expect(troubles(found)).toEqual([]);
    expect(found.find(({ hop }) => hop === 'tls')?.said).toMatch(
      /^TLSv1\.3 in \d+ ms; server ← authority; \d+ days left$/,
    );
    expect(verdicts(found)).toContain('host skip');
  });
});
