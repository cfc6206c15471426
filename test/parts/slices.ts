/** Ways to cut bytes, for whatever must not care how its input was cut. */
import fc from 'fast-check';

/** The bytes cut at these places, which are taken modulo the length. */
export function cutAt(bytes: Buffer, places: readonly number[]): Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  const slices: Buffer[] = [];
  let from = 0;
  for (const to of [...sorted, bytes.length]) {
    if (to > from) slices.push(bytes.subarray(from, to));
    from = to;
  }
  return slices;
}

/** One slice a byte. */
export function bytewise(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_byte, index) => bytes.subarray(index, index + 1));
}

/** Slices of this size. */
export function chunks(bytes: Buffer, size: number): Buffer[] {
  const slices: Buffer[] = [];
  for (let from = 0; from < bytes.length; from += size) slices.push(bytes.subarray(from, from + size));
  return slices;
}

/** Places to cut at, few or many. */
export const cuts = fc.array(fc.nat(100_000), { maxLength: 40 });
