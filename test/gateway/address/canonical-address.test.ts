import { describe, expect, it } from 'vitest';
import { bucketOfAddress, canonicalAddress } from '../../../src/gateway/address/canonical-address.ts';

describe('the one spelling of an address', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['0:0:0:0:0:ffff:102:304', '1.2.3.4'],
    ['0000:0000::ffff:1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4%eth0', '1.2.3.4'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0db8::0001', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['::1.2.3.4', '::102:304'],
    ['2001:db8::1.2.3.4', '2001:db8::102:304'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ])('of %s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
    expect(canonicalAddress(canonical)).toBe(canonical);
  });

  it('agrees with the one of the WHATWG URL wherever that has one', () => {
    const random = (index: number): string =>
      Array.from({ length: 8 }, (_, place) =>
        ((index * 2654435761) >>> (place * 3)) % 3 === 0
          ? '0'
          : (((index + 1) * 7919 * (place + 1)) % 65536).toString(16),
      ).join(':');
    for (let index = 0; index < 2000; index++) {
      const text = random(index);
      expect(canonicalAddress(text)).toBe(new URL(`http://[${text}]/`).hostname.slice(1, -1));
    }
  });

  it.each([
    '',
    'localhost',
    '0127.0.0.1',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '[::1]',
    '::1/64',
    '1.2.3.4:80',
    'unknown',
    '::ffff:1.2.3.256',
  ])('there is none of %j', (text) => {
    expect(canonicalAddress(text)).toBeUndefined();
  });
});

describe('the bucket of an address', () => {
  it('is one for all spellings of an IPv4 address', () => {
    expect(
      new Set(['1.2.3.4', '::ffff:1.2.3.4', '::ffff:102:304', '0:0:0:0:0:FFFF:102:304'].map(bucketOfAddress)),
    ).toEqual(new Set(['1.2.3.4']));
  });

  it('is one for a /56 of IPv6, and another for the next', () => {
    expect(bucketOfAddress('2001:db8:1:2aff::1')).toBe(bucketOfAddress('2001:db8:1:2a00:ffff::2'));
    expect(bucketOfAddress('2001:db8:1:2b00::1')).not.toBe(bucketOfAddress('2001:db8:1:2a00::1'));
    expect(bucketOfAddress('2001:db8:2:2a00::1')).not.toBe(bucketOfAddress('2001:db8:1:2a00::1'));
  });

  it('is not found in the last 32 bits of an IPv6 address that ends like one of IPv4', () => {
    expect(bucketOfAddress('2001:db8::1.2.3.4')).toBe(bucketOfAddress('2001:db8::1.2.3.5'));
    expect(bucketOfAddress('2001:db8::1.2.3.4')).not.toBe(bucketOfAddress('1.2.3.4'));
  });

  it('is one for all that is no address', () => {
    expect(bucketOfAddress('')).toBe(bucketOfAddress('what'));
  });
});
