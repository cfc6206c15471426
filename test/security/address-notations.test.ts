/**
 * The attack (I03): nobody attacks; an operator writes a range that means something else than they think. `0127.0.0.1` is
 * 87.0.0.1 to some parsers, `10.0.0.5/8` is a host or a network, an empty entry is nobody or everybody, a name is resolved
 * by somebody else. What must happen: the gateway does not start, and says which entry of which option it is.
 */
import { describe, expect, it } from 'vitest';
import { createGateway } from '../../src/gateway/gateway.ts';

const UNCLEAR = [
  '10.0.0.0/33',
  '10.0.0.5/8',
  '::/129',
  '0127.0.0.1',
  'localhost',
  '',
  ' ',
  '10.0.0.0/8 ',
  '10.0.0.0/8,192.0.2.0/24',
  '10.0.0.0-10.0.0.9',
  '10.0.0.0/255.0.0.0',
  '10.0.0.0/08',
  '10.1',
  '167772161',
  '0x0a000001',
  '*',
  'all',
  'true',
  '1',
  'loopback',
  'fe80::1%eth0',
  '2001:db8::1.2.3.4',
  '2001:db8::1/32',
  '::ffff:10.0.0.5/104',
  '[::1]',
  'http://10.0.0.1',
];

describe.each(['allowAddresses', 'denyAddresses', 'trustProxies'] as const)('%s', (option) => {
  it.each(UNCLEAR)('with %j stops the start by name', (entry) => {
    const start = (): unknown =>
      createGateway({ upstream: 'http://127.0.0.1:9/sse', auth: 'none', [option]: ['192.0.2.0/24', entry] });
    expect(start).toThrow(expect.objectContaining({ code: 'config', exitCode: 2 }));
    expect(start).toThrow(expect.objectContaining({ message: expect.stringContaining(option) }));
    expect(start).toThrow(expect.objectContaining({ why: expect.stringContaining(JSON.stringify(entry)) }));
  });

  it('with the same stops a reload, and the gateway goes on as it was', async () => {
    const options = { upstream: 'http://127.0.0.1:9/sse', auth: 'none' } as const;
    const gateway = createGateway(options);
    expect(() => gateway.reload({ ...options, [option]: ['0127.0.0.1'] })).toThrow(option);
    await gateway.close();
  });
});
