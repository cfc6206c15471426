/**
 * X09. A value built for a regular expression that tries every way to match can stop the only thread for minutes. 50 kB for each
 * header and member that a policy reads is judged in less than 50 ms.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { resolveGatewayOptions } from '../../src/gateway/gateway-options.ts';
import { assemblePolicies } from '../../src/gateway/policies/assemble.ts';
import type { RequestContext } from '../../src/gateway/request-context.ts';
import { SessionTable } from '../../src/gateway/session-table.ts';
import { createLineLogger } from '../../src/log.ts';
import { type GatewayDoors, startGatewayDoors } from '../parts/gateway-doors.ts';
import { JSON_HEADERS, send } from '../parts/raw-http.ts';

let doors: GatewayDoors;
beforeAll(async () => {
  doors = await startGatewayDoors();
});
afterAll(() => doors.close());

/** What makes nested or neighbouring repetitions try again and again. */
const shapes = (length: number): readonly string[] => [
  'a'.repeat(length),
  ' '.repeat(length),
  'x, '.repeat(length / 3),
  'a;'.repeat(length / 2),
  '='.repeat(length),
  '0'.repeat(length),
  `${'a.'.repeat(length / 2)}!`,
  `[${':'.repeat(length)}`,
  `q=0${'.0'.repeat(length / 2)}x`,
  `charset="${'"'.repeat(length)}`,
  `Bearer ${' '.repeat(length)}x`,
  `Basic ${'A='.repeat(length / 2)}`,
  `${'-'.repeat(length)}\u00e9`,
];
const HEADERS = [
  'host',
  'origin',
  'accept',
  'content-type',
  'content-encoding',
  'authorization',
  'x-api-key',
  'mcp-session-id',
  'mcp-protocol-version',
  'mcp-name',
  'expect',
  'transfer-encoding',
  'content-length',
  'via',
];

/** Asks the policies themselves: a socket would refuse 50 kB of headers before any of them. */
async function judge(more: {
  readonly headers?: Record<string, string>;
  readonly url?: string;
  readonly method?: string;
}): Promise<number> {
  const options = resolveGatewayOptions({
    upstream: 'http://127.0.0.1:1/sse',
    auth: 'none',
    allowedOrigins: ['https://a.example'],
  });
  const sessions = new SessionTable(options);
  const chain = assemblePolicies(options, sessions);
  const headers: Record<string, string> = { host: 'localhost', 'content-type': 'application/json', ...more.headers };
  const socket = { localAddress: '127.0.0.1', remoteAddress: '127.0.0.1' };
  const body = Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}');
  const url = more.url ?? '/mcp';
  const req = {
    method: more.method ?? 'POST',
    url,
    httpVersion: '1.1',
    headers,
    rawHeaders: Object.entries(headers).flat(),
    socket,
    complete: true,
    readableLength: body.length,
    read: () => body,
  };
  const res = { writeHead: () => {}, end: () => {}, setHeader: () => {}, once: () => {} };
  const context = {
    req,
    res,
    route: 'mcp',
    query: url.slice(url.indexOf('?') + 1),
    address: '127.0.0.1',
    headers: [],
    mountPath: '',
  };
  const since = performance.now();
  // One by one, whatever those before it say.
  for (const { policy } of chain.mcp) await policy(context as unknown as RequestContext);
  const ms = performance.now() - since;
  chain.close();
  return ms;
}

it.each(HEADERS)('every policy is done with 50 kB in the header %s within 50 ms', async (name) => {
  for (const value of shapes(50_000)) {
    for (const method of ['POST', 'GET']) {
      expect(await judge({ headers: { [name]: value }, method }), value.slice(0, 20)).toBeLessThan(50);
    }
  }
});

it('and with 50 kB in the target', async () => {
  for (const value of shapes(50_000)) {
    for (const url of [`/${value}`, `/mcp?session=${value}`, `/mcp?${'a=b&'.repeat(12_500)}${value}`]) {
      expect(await judge({ url }), url.slice(0, 30)).toBeLessThan(50);
    }
  }
});

it('and a line of the log with 50 kB in it', () => {
  let line = '';
  const logger = createLineLogger({
    level: 'info',
    secrets: ['a-secret-value'],
    write: (text) => {
      line = text;
    },
  });
  for (const value of [
    ...shapes(50_000),
    'cookie: '.repeat(6000),
    '//a:'.repeat(12_000),
    '//'.repeat(25_000),
    'basic '.repeat(8000),
  ]) {
    const since = performance.now();
    logger.info({ value }, 'x');
    expect(performance.now() - since, value.slice(0, 20)).toBeLessThan(50);
    expect(line.length).toBeLessThan(2200);
  }
});

it('and a body of 4 MB made of escapes, within two seconds', async () => {
  for (const inner of ['\\\\'.repeat(2_000_000), '\\"'.repeat(2_000_000), '","'.repeat(1_300_000).slice(0, 99_000)]) {
    const body = `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${inner}"}}`;
    const since = performance.now();
    await send(doors.origin, { method: 'POST', path: '/mcp', body, headers: { ...JSON_HEADERS, ...doors.alice } });
    expect(performance.now() - since).toBeLessThan(2000);
  }
});
