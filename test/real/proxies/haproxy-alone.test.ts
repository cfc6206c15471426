/** What holds of HAProxy alone: its file's variant with the PROXY protocol. */
import { afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Certificates, makeCertificates } from '../../parts/certificates.ts';
import { until } from '../../parts/deadline.ts';
import { INITIALIZE, JSON_HEADERS, send } from '../../parts/raw-http.ts';
import { HAPROXY } from './haproxy.ts';
import { INSTALL_MS, type RunningProxy, startProxy } from './proxy.ts';
import { readShipped, replaceAll } from './shipped-file.ts';
import { toLoopback } from './site.ts';
import { type Stage, startStage } from './stage.ts';

const SHIPPED = readShipped(HAPROXY.file);

describe("haproxy.cfg with send-proxy-v2 behind the gateway's address", () => {
  let certificates: Certificates;
  let stage: Stage | undefined;
  let proxy: RunningProxy | undefined;
  beforeAll(() => HAPROXY.install(), INSTALL_MS);
  beforeEach(() => {
    certificates = makeCertificates();
  });
  afterEach(async () => {
    await proxy?.stop();
    await stage?.close();
    proxy = stage = undefined;
    certificates.remove();
  });

  const initialize = async (options: { proxy: boolean; gateway: boolean }): Promise<number> => {
    const from = '--trust-proxies 127.0.0.1';
    const text = options.gateway ? replaceAll(SHIPPED, [{ from, to: `${from} --proxy-protocol` }]) : SHIPPED;
    stage = await startStage(text, inject('postgresMcpUrl'));
    const { gatewayPort } = stage;
    const address = `server gateway 127.0.0.1:${gatewayPort}`;
    const edit = (file: string): string => {
      const headers = file.replace(
        /^ *http-request set-header X-Forwarded-For .*$/m,
        '    http-request del-header X-Forwarded-For',
      );
      return replaceAll(headers, [{ from: address, to: `${address} send-proxy-v2` }]);
    };
    const { certFile, keyFile } = certificates.server;
    proxy = await startProxy(HAPROXY, { gatewayPort, certFile, keyFile, ...(options.proxy ? { edit } : {}) });
    const headers = { ...JSON_HEADERS, ...stage.alice, 'X-Forwarded-For': '203.0.113.9' };
    const request = { method: 'POST', path: '/streamable/mcp', headers, body: INITIALIZE };
    const connecting = { ca: certificates.ca.cert, lookup: toLoopback, localAddress: '127.0.0.5' };
    return (await send(proxy.origin, request, connecting)).status;
  };

  it('tells a gateway with --proxy-protocol the address of the client, whatever that claims', async () => {
    expect(await initialize({ proxy: true, gateway: true })).toBe(200);
    await until('it is logged', () => stage?.log().includes('address=127.0.0.5') === true);
    expect(stage?.log()).not.toContain('203.0.113.9');
  });

  it.each([
    ['the proxy', { proxy: true, gateway: false }],
    ['the gateway', { proxy: false, gateway: true }],
  ])('lets nothing through where %s alone has it', async (_who, options) => {
    expect(await initialize(options)).toBeGreaterThanOrEqual(400);
  });
});
