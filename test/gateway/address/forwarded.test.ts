import { describe, expect, it } from 'vitest';
import { hopsOfForwarded, hopsOfForwardedFor, MAX_HOPS } from '../../../src/gateway/address/forwarded.ts';
import { cheapestOf } from '../../parts/cpu-time.ts';

const listed = (header: string): (string | undefined)[] => hopsOfForwardedFor(header).map(({ address }) => address);
const standard = (header: string): (string | undefined)[] => hopsOfForwarded(header).map(({ address }) => address);

describe('X-Forwarded-For', () => {
  it.each([
    ['1.2.3.4', ['1.2.3.4']],
    ['1.2.3.4, 5.6.7.8', ['5.6.7.8', '1.2.3.4']],
    ['1.2.3.4,5.6.7.8', ['5.6.7.8', '1.2.3.4']],
    ['1.2.3.4:5678', ['1.2.3.4']],
    ['2001:DB8::1', ['2001:db8::1']],
    ['[2001:db8::1]', ['2001:db8::1']],
    ['[2001:db8::1]:443', ['2001:db8::1']],
    ['::ffff:1.2.3.4', ['1.2.3.4']],
    ['fe80::1%eth0', ['fe80::1']],
    ['unknown', [undefined]],
    ['', [undefined]],
    [',', [undefined, undefined]],
    ['1.2.3.4,', [undefined, '1.2.3.4']],
    ['1.2.3.4 5.6.7.8', [undefined]],
    ['01.2.3.4', [undefined]],
    ['[1.2.3.4]', [undefined]],
    ['1.2.3.4:', [undefined]],
    ['"1.2.3.4"', [undefined]],
  ])('%j is read from its end', (header, hops) => {
    expect(listed(header)).toEqual(hops);
  });

  it('is read no further than a chain of proxies may be long, and from its end whatever its length', () => {
    const header = `${'10.0.0.1,'.repeat(5000)}1.2.3.4`;
    expect(listed(header)).toHaveLength(MAX_HOPS);
    expect(listed(header)[0]).toBe('1.2.3.4');
  });
});

describe('Forwarded (RFC 7239)', () => {
  it.each([
    ['for=1.2.3.4', ['1.2.3.4']],
    ['For=1.2.3.4;Proto=https;by=5.6.7.8', ['1.2.3.4']],
    ['for=1.2.3.4, for=5.6.7.8', ['5.6.7.8', '1.2.3.4']],
    ['for="1.2.3.4:80"', ['1.2.3.4']],
    ['for="[2001:DB8:cafe::17]:4711"', ['2001:db8:cafe::17']],
    ['for="[2001:db8::1]"', ['2001:db8::1']],
    ['for="[::ffff:1.2.3.4]:_port"', ['1.2.3.4']],
    ['for="\\1.2.3.4"', ['1.2.3.4']],
    ['for=unknown', [undefined]],
    ['for=_hidden, for=1.2.3.4', ['1.2.3.4', undefined]],
    ['for="_SEVKISEK"', [undefined]],
    ['proto=https', [undefined]],
    // IPv6 must be in brackets, and with them in quotes.
    ['for=2001:db8::1', [undefined]],
    ['for="2001:db8::1"', [undefined]],
    ['for=1.2.3.4;for=5.6.7.8', [undefined]],
    ['for=1.2.3.4;FOR=5.6.7.8', [undefined]],
    ['for = 1.2.3.4', [undefined]],
    ['for=1.2.3.4 for=5.6.7.8', [undefined]],
    ['for="1.2.3.4', [undefined]],
    ['', [undefined]],
    ['1.2.3.4', [undefined]],
  ])('%j is read from its end', (header, hops) => {
    expect(standard(header)).toEqual(hops);
  });

  it.each([
    'for="',
    'for="10.0.0.1", x="',
    'for="\\',
    '"',
    ',",',
    'for=10.0.0.1;x="a\\"',
  ])('what a client puts before it, %j, does not change what the proxy has written', (forged) => {
    expect(standard(`${forged}, for=1.2.3.4`)[0]).toBe('1.2.3.4');
    expect(standard(`${forged}, for="[2001:db8::1]:80"`)[0]).toBe('2001:db8::1');
    expect(standard(`${forged}, for="a, b";by=1.2.3.4, for=5.6.7.8`)[0]).toBe('5.6.7.8');
  });

  it('says how the client came', () => {
    expect(hopsOfForwarded('for=1.2.3.4;proto=https')[0]?.proto).toBe('https');
  });

  it('of any length is read in a time that grows with it', () => {
    const cost = (pieces: number): number =>
      cheapestOf(3, () => {
        for (const piece of ['"', '\\', ',', ';', 'for="a', 'a=', '\\"']) hopsOfForwarded(piece.repeat(pieces));
      });
    // Sixteen times the bytes; what reads them again and again would cost 256 times as much.
    expect(cost(65_536)).toBeLessThan(Math.max(cost(4096), 1) * 100);
  });
});
