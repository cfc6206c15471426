import { isIPv6 } from 'node:net';

/** Counts open connections, in all and by address; one over the cap is not let in. */
export class ConnectionCaps {
  readonly #max: number;
  readonly #maxPerAddress: number;
  readonly #byBlock = new Map<string, number>();
  #count = 0;

  constructor(max: number, maxPerAddress: number) {
    this.#max = max;
    this.#maxPerAddress = maxPerAddress;
  }

  /** Connections open at the moment. */
  get count(): number {
    return this.#count;
  }

  /** Takes a place among all; the returned function gives it back, once. */
  enter(): (() => void) | undefined {
    if (this.#count >= this.#max) return undefined;
    this.#count++;
    return once(() => this.#count--);
  }

  /** Takes a place among those of the address. */
  enterFrom(address: string): (() => void) | undefined {
    const block = addressBlockOf(address);
    const count = this.#byBlock.get(block) ?? 0;
    if (count >= this.#maxPerAddress) return undefined;
    this.#byBlock.set(block, count + 1);
    return once(() => {
      const left = (this.#byBlock.get(block) ?? 1) - 1;
      if (left > 0) this.#byBlock.set(block, left);
      else this.#byBlock.delete(block);
    });
  }
}

/** What one client has: an IPv4 address, or an IPv6 network of 64 bits. */
export function addressBlockOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '');
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.toLowerCase().split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  const all = [...front, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...back];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}

function once(release: () => void): () => void {
  let isReleased = false;
  return () => {
    if (!isReleased) release();
    isReleased = true;
  };
}
