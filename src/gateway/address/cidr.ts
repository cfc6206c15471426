import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import { canonicalAddress, parseIpv6 } from './canonical-address.ts';

/** Whether a canonical address is among the ranges. */
export type AddressMatcher = (address: string) => boolean;

/** An IPv4 address stands at the end of an IPv6 address behind this many bits. */
const MAPPED_BITS = 96;

/**
 * Reads CIDRs (RFC 4632, RFC 4291 §2.3) and single addresses. Ranges of IPv4 match IPv4 clients, also when they were
 * written or came as IPv4-mapped; ranges of IPv6, `::/0` too, match IPv6 clients alone. Throws `config` naming the
 * option and the entry for whatever could be read in two ways.
 */
export function parseAddressRanges(entries: readonly string[], option: string): AddressMatcher {
  // One list a family, because a list of both lets the ranges of one match addresses of the other.
  const [four, six] = [new BlockList(), new BlockList()];
  for (const entry of entries) {
    const { address, bits } = parseEntry(entry, option);
    if (isIPv4(address)) four.addSubnet(address, bits, 'ipv4');
    else six.addSubnet(address, bits, 'ipv6');
  }
  return (address) => {
    if (isIPv4(address)) return four.check(address, 'ipv4');
    return isIPv6(address) && six.check(address, 'ipv6');
  };
}

function parseEntry(entry: string, option: string): { address: string; bits: number } {
  const refuse = (why: string): DrawbridgeError =>
    new DrawbridgeError('config', `${option} has an entry that is no range of addresses`, {
      why: `${JSON.stringify(entry.slice(0, 60))}: ${why}`,
      hint: 'Such as 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32.',
    });
  const slash = entry.indexOf('/');
  const text = slash === -1 ? entry : entry.slice(0, slash);
  const isFour = isIPv4(text);
  if (!isFour && !isIPv6(text)) throw refuse('it is neither an IPv4 nor an IPv6 address');
  if (text.includes('%')) throw refuse('a zone is of one machine, and no part of a range');
  const width = isFour ? 32 : 128;
  const digits = slash === -1 ? String(width) : entry.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > width)
    throw refuse(`the prefix length is not one of 0 to ${width}`);
  const bits = Number(digits);
  const address = canonicalAddress(text) ?? text;
  const isMapped = !isFour && isIPv4(address);
  if (text.includes('.') && !isFour && !isMapped) throw refuse('it is an IPv6 address that ends like one of IPv4');
  if (isMapped && bits < MAPPED_BITS) throw refuse('it takes in more than the IPv4-mapped addresses');
  if (hasHostBits(text, bits, isFour)) throw refuse(`there are bits set behind the first ${bits}`);
  return { address, bits: isMapped ? bits - MAPPED_BITS : bits };
}

/** Whoever writes 10.0.0.5/8 means either one host or a network, and it is not said which. */
function hasHostBits(text: string, bits: number, isFour: boolean): boolean {
  const [groups, size] = isFour ? [text.split('.').map(Number), 8] : [parseIpv6(text) ?? [], 16];
  return groups.some((group, index) => {
    const free = Math.min(size, Math.max(0, (index + 1) * size - bits));
    return (group & (2 ** free - 1)) !== 0;
  });
}
