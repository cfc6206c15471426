import { describe, expect, it } from 'vitest';
import { parseAddressRanges } from '../../../src/gateway/address/cidr.ts';

const matches = (entries: readonly string[], address: string): boolean =>
  parseAddressRanges(entries, 'allowAddresses')(address);

describe('ranges of addresses', () => {
  it.each([
    ['10.0.0.0/8', '10.255.0.1'],
    ['192.0.2.7', '192.0.2.7'],
    ['192.0.2.7/32', '192.0.2.7'],
    ['0.0.0.0/0', '203.0.113.9'],
    ['192.0.2.128/25', '192.0.2.200'],
    ['2001:db8::/32', '2001:db8:ffff::1'],
    ['2001:DB8:0:0::/32', '2001:db8::1'],
    ['::1', '::1'],
    ['::/0', '2001:db8::1'],
    ['::ffff:10.0.0.0/104', '10.1.2.3'],
    ['::ffff:a00:0/104', '10.1.2.3'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:0:0/96', '203.0.113.9'],
  ])('%s has %s', (entry, address) => {
    expect(matches([entry], address)).toBe(true);
    expect(matches(['198.51.100.1', entry], address)).toBe(true);
  });

  it.each([
    ['10.0.0.0/8', '11.0.0.1'],
    ['192.0.2.7', '192.0.2.8'],
    ['192.0.2.128/25', '192.0.2.127'],
    ['2001:db8::/32', '2001:db9::1'],
    // A range of IPv6 is none of IPv4, although every IPv4 address can be written as one of IPv6.
    ['::/0', '203.0.113.9'],
    ['0.0.0.0/0', '2001:db8::1'],
    ['::ffff:10.0.0.0/104', '11.0.0.1'],
    ['10.0.0.0/8', ''],
    ['10.0.0.0/8', 'unknown'],
  ])('%s has not %s', (entry, address) => {
    expect(matches([entry], address)).toBe(false);
  });

  it('of none has nobody', () => {
    expect(matches([], '127.0.0.1')).toBe(false);
  });
});

describe('an entry that could be read in two ways', () => {
  it.each([
    ['10.0.0.0/33', '0 to 32'],
    ['::/129', '0 to 128'],
    ['10.0.0.5/8', 'behind the first 8'],
    ['192.0.2.1/31', 'behind the first 31'],
    ['128.0.0.0/0', 'behind the first 0'],
    ['2001:db8::1/64', 'behind the first 64'],
    ['::ffff:10.0.0.5/104', 'behind the first 104'],
    ['::ffff:0:0/80', 'IPv4-mapped'],
    ['0127.0.0.1', 'neither'],
    ['127.0.0.01', 'neither'],
    ['0x7f.0.0.1', 'neither'],
    ['127.1', 'neither'],
    ['2130706433', 'neither'],
    ['10.0.0.0/08', '0 to 32'],
    ['10.0.0.0/+8', '0 to 32'],
    ['10.0.0.0/8.0', '0 to 32'],
    ['10.0.0.0/', '0 to 32'],
    ['10.0.0.0/8/8', '0 to 32'],
    ['10.0.0.0/255.0.0.0', '0 to 32'],
    ['localhost', 'neither'],
    ['', 'neither'],
    [' 10.0.0.0/8', 'neither'],
    ['10.0.0.0/8 ', '0 to 32'],
    ['10.0.0.0/8,192.0.2.0/24', '0 to 32'],
    ['*', 'neither'],
    ['10.*', 'neither'],
    ['[::1]', 'neither'],
    ['fe80::1%eth0', 'zone'],
    ['fe80::%eth0/10', 'zone'],
    ['2001:db8::1.2.3.4', 'ends like one of IPv4'],
    ['::1.2.3.4', 'ends like one of IPv4'],
    ['64:ff9b::192.0.2.0/120', 'ends like one of IPv4'],
    ['1:2:3:4:5:6:7:8:9', 'neither'],
    ['1::2::3', 'neither'],
    ['10.0.0.0/8\0', '0 to 32'],
    ['１０.0.0.0/8', 'neither'],
  ])('stops the start, and is named: %j', (entry, why) => {
    const parse = (): unknown => parseAddressRanges(['192.0.2.0/24', entry], 'trustProxies');
    expect(parse).toThrow(
      expect.objectContaining({ code: 'config', message: 'trustProxies has an entry that is no range of addresses' }),
    );
    expect(parse).toThrow(expect.objectContaining({ why: expect.stringContaining(`${JSON.stringify(entry)}: `) }));
    expect(parse).toThrow(expect.objectContaining({ why: expect.stringContaining(why) }));
  });
});
