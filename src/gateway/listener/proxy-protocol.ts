import { isIPv4, isIPv6, type Socket } from 'node:net';
import type { DeclaredEnds } from './peer-address.ts';

/** The longest line of version 1, with its end. */
const MAX_V1_BYTES = 107;
/** Version 2: addresses, and further fields that are skipped; more than any proxy sends. */
const MAX_V2_BYTES = 2048;
const V1_START = Buffer.from('PROXY ');
const V2_START = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_HEAD_BYTES = 16;
const V1_LINE =
  /^PROXY (?:UNKNOWN(?: [\x20-\x7e]*)?|(TCP4|TCP6) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) (\d{1,5}) (\d{1,5}))$/;

/** What the first bytes of a connection are: a header with its length in bytes, the begin of one, or none. */
export type ProxyHeader =
  | { readonly bytes: number; readonly ends: DeclaredEnds | undefined }
  | 'incomplete'
  | 'invalid';

/**
 * Reads a header of the PROXY protocol, version 1 or 2, at the start of `data`. `ends` is undefined where the proxy
 * speaks for itself (LOCAL, UNKNOWN), as it does to see whether we live. Looks at no more than 2064 bytes.
 */
export function readProxyHeader(data: Buffer): ProxyHeader {
  if (startsAlike(data, V2_START)) return data.length < V2_HEAD_BYTES ? 'incomplete' : readV2(data);
  if (startsAlike(data, V1_START)) return readV1(data);
  return 'invalid';
}

/** Takes the header off a connection that has just been accepted, and leaves what follows it to be read. */
export function takeProxyHeader(
  socket: Socket,
  timeoutMs: number,
  done: (header: { readonly ends: DeclaredEnds | undefined } | undefined) => void,
): void {
  let data: Buffer = Buffer.alloc(0);
  const finish = (header: Exclude<ProxyHeader, string> | undefined): void => {
    clearTimeout(timer);
    socket.off('readable', read).off('end', fail).off('close', fail).off('error', fail);
    if (header !== undefined && data.length > header.bytes) socket.unshift(data.subarray(header.bytes));
    done(header);
  };
  const fail = (): void => finish(undefined);
  const read = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    data = data.length === 0 ? chunk : Buffer.concat([data, chunk]);
    const header = readProxyHeader(data);
    if (header === 'invalid') fail();
    else if (header !== 'incomplete') finish(header);
  };
  const timer = setTimeout(fail, timeoutMs);
  timer.unref();
  socket.on('readable', read).on('end', fail).on('close', fail).on('error', fail);
}

function startsAlike(data: Buffer, start: Buffer): boolean {
  const length = Math.min(data.length, start.length);
  return data.subarray(0, length).equals(start.subarray(0, length));
}

function readV1(data: Buffer): ProxyHeader {
  const end = data.subarray(0, MAX_V1_BYTES).indexOf('\r\n');
  if (end === -1) return data.length >= MAX_V1_BYTES ? 'invalid' : 'incomplete';
  const found = V1_LINE.exec(data.toString('latin1', 0, end));
  if (found === null) return 'invalid';
  const [, family, remoteAddress = '', localAddress = '', remotePort, localPort] = found;
  if (family === undefined) return { bytes: end + 2, ends: undefined };
  const ends = { remoteAddress, localAddress, remotePort: Number(remotePort), localPort: Number(localPort) };
  return areEnds(ends, family === 'TCP4' ? isIPv4 : isIPv6) ? { bytes: end + 2, ends } : 'invalid';
}

function areEnds(ends: DeclaredEnds, isAddress: (text: string) => boolean): boolean {
  return (
    isAddress(ends.remoteAddress) &&
    isAddress(ends.localAddress) &&
    ends.remotePort <= 65_535 &&
    ends.localPort <= 65_535
  );
}

function readV2(data: Buffer): ProxyHeader {
  const [versionAndCommand, familyAndProtocol] = [data.readUInt8(12), data.readUInt8(13)];
  const length = data.readUInt16BE(14);
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2 || command > 1 || length > MAX_V2_BYTES) return 'invalid';
  const bytes = V2_HEAD_BYTES + length;
  if (data.length < bytes) return 'incomplete';
  if (command === 0) return { bytes, ends: undefined };
  // TCP over IPv4 or IPv6; a proxy that forwards anything else is none of ours.
  const addressBytes = familyAndProtocol === 0x11 ? 4 : familyAndProtocol === 0x21 ? 16 : undefined;
  if (addressBytes === undefined || length < 2 * addressBytes + 4) return 'invalid';
  const at = (offset: number): number => V2_HEAD_BYTES + offset;
  const address = (offset: number): string => formatAddress(data.subarray(at(offset), at(offset) + addressBytes));
  const ends = {
    remoteAddress: address(0),
    localAddress: address(addressBytes),
    remotePort: data.readUInt16BE(at(2 * addressBytes)),
    localPort: data.readUInt16BE(at(2 * addressBytes + 2)),
  };
  return { bytes, ends };
}

function formatAddress(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16)).join(':');
  // The shortest form, as Node itself would show it.
  return new URL(`http://[${groups}]`).hostname.slice(1, -1);
}
