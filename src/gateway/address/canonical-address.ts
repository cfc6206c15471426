import { isIPv4, isIPv6 } from 'node:net';

/** One customer commonly has a /56 of IPv6, and with it 2^72 addresses. */
const BUCKET_GROUP = 3;
const BUCKET_MASK = 0xff00;

/**
 * The one spelling of an address: IPv4 in dots, also where it came as an IPv4-mapped IPv6 address in whatever spelling;
 * IPv6 in lower case with its longest run of zeros left out (RFC 5952), without a zone. Undefined for what is none.
 */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  const groups = parseIpv6(text);
  return groups === undefined ? undefined : (mappedIpv4(groups) ?? formatIpv6(groups));
}

/** What a limit counts an address as: IPv4 for itself, IPv6 by its /56. What is no address falls into one bucket. */
export function bucketOfAddress(text: string): string {
  if (isIPv4(text)) return text;
  const groups = parseIpv6(text);
  if (groups === undefined) return 'unknown';
  const mapped = mappedIpv4(groups);
  if (mapped !== undefined) return mapped;
  const network = groups.map((group, index) => (index < BUCKET_GROUP ? group : 0));
  network[BUCKET_GROUP] = (groups[BUCKET_GROUP] ?? 0) & BUCKET_MASK;
  return `${formatIpv6(network)}/56`;
}

/** The eight groups of an IPv6 address in any spelling; undefined for what is none. */
export function parseIpv6(text: string): readonly number[] | undefined {
  if (!isIPv6(text)) return undefined;
  const zone = text.indexOf('%');
  const address = zone === -1 ? text : text.slice(0, zone);
  const [head = '', tail] = address.split('::');
  const before = groupsOf(head);
  if (tail === undefined) return before;
  const after = groupsOf(tail);
  return [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
}

function groupsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function mappedIpv4(groups: readonly number[]): string | undefined {
  const [a, b, c, d, e, f, high = 0, low = 0] = groups;
  if (a || b || c || d || e || f !== 0xffff) return undefined;
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function formatIpv6(groups: readonly number[]): string {
  let [start, length] = [0, 1];
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && groups[to] === 0) to++;
    if (to - from > length) [start, length] = [from, to - from];
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':');
  if (length === 1) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}
