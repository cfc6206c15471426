import { isIPv4 } from 'node:net';
import { canonicalAddress } from './canonical-address.ts';

/** What one proxy says of the hop before it. */
export interface ForwardedHop {
  /** Canonical; undefined where the proxy does not say, or nobody could read it. */
  readonly address: string | undefined;
  readonly proto: string | undefined;
}

/** Proxies in a row of which anything is believed; who is behind more is unknown. */
export const MAX_HOPS = 32;

/** The hops of X-Forwarded-For, the nearest first, as far as they may matter. */
export function hopsOfForwardedFor(header: string): readonly ForwardedHop[] {
  const hops: ForwardedHop[] = [];
  let end = header.length;
  while (end >= 0 && hops.length < MAX_HOPS) {
    const comma = end === 0 ? -1 : header.lastIndexOf(',', end - 1);
    hops.push({ address: parseNode(header.slice(comma + 1, end).trim(), false), proto: undefined });
    end = comma;
  }
  return hops;
}

/** The hops of Forwarded (RFC 7239), the nearest first, as far as they may matter. */
export function hopsOfForwarded(header: string): readonly ForwardedHop[] {
  return splitFromRight(header).map(parseElement);
}

/**
 * Takes the list apart from its end: what a client has put before it, such as a quote that never closes, then cannot
 * swallow what a proxy has written after it.
 */
function splitFromRight(header: string): string[] {
  const elements: string[] = [];
  let end = header.length;
  let isQuoted = false;
  for (let at = header.length - 1; at >= 0 && elements.length < MAX_HOPS; at--) {
    const character = header[at];
    if (character === '"' && !isEscaped(header, at)) isQuoted = !isQuoted;
    else if (character === ',' && !isQuoted) {
      elements.push(header.slice(at + 1, end));
      end = at;
    }
  }
  if (elements.length < MAX_HOPS) elements.push(header.slice(0, end));
  return elements;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text[at - 1 - backslashes] === '\\') backslashes++;
  return backslashes % 2 === 1;
}

const PAIR = /^[ \t]*([\w!#$%&'*+.^`|~-]+)=(?:([\w!#$%&'*+.^`|~-]+)|"((?:[^"\\]|\\.)*)")[ \t]*(?:;|$)/;

function parseElement(element: string): ForwardedHop {
  const found = new Map<string, string>();
  let rest = element;
  while (rest.trim() !== '') {
    const [pair = '', name = '', token, quoted = ''] = PAIR.exec(rest) ?? [];
    // A parameter must not occur twice (RFC 7239 §4); who reads the other one would see another client.
    if (pair === '' || found.has(name.toLowerCase())) return { address: undefined, proto: undefined };
    found.set(name.toLowerCase(), token ?? quoted.replace(/\\(.)/g, '$1'));
    rest = rest.slice(pair.length);
  }
  return { address: parseNode(found.get('for') ?? '', true), proto: found.get('proto') };
}

/** A node (RFC 7239 §6) with or without its port; `unknown` and obfuscated identifiers have no address. */
function parseNode(text: string, mustBracket: boolean): string | undefined {
  const bracketed = /^\[([^\]]{2,64})\](?::(?:\d{1,5}|_[\w.-]+))?$/.exec(text)?.[1];
  if (bracketed !== undefined) return isIPv4(bracketed) ? undefined : canonicalAddress(bracketed);
  const [, host = '', port] = /^([\d.]{7,15})(:(?:\d{1,5}|_[\w.-]+))?$/.exec(text) ?? [];
  if (port !== undefined || mustBracket) return isIPv4(host) ? host : undefined;
  return canonicalAddress(text);
}
