import { BlockList, isIP } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';
import type { HttpProxy } from './dial-route.ts';
import { isLoopback } from './loopback.ts';

/** Proxies by the URL scheme of the target, as the environment variables of the same names hold them. */
export interface ProxyOptions {
  readonly httpProxy?: string;
  readonly httpsProxy?: string;
  /**
   * What is reached directly, separated by commas or spaces: names, each with all that is below it, addresses, CIDR
   * ranges, each perhaps with a port; `*` for everything. Loopback always is.
   */
  readonly noProxy?: string;
}

/**
 * The proxy through which a URL is reached; undefined where it is reached directly. Loopback always is. Throws `config`
 * for a proxy that cannot be used; its user and password are never shown.
 */
export function proxyFor(url: URL, options: ProxyOptions = {}): HttpProxy | undefined {
  const isTls = url.protocol === 'https:';
  const text = (isTls ? options.httpsProxy : options.httpProxy)?.trim() ?? '';
  const host = url.hostname.replace(/^\[|\]$|\.$/g, '').toLowerCase();
  const port = Number(url.port || (isTls ? 443 : 80));
  if (text === '' || isLoopback(host) || isExempt(host, port, options.noProxy ?? '')) return undefined;
  return parseProxy(text, isTls ? 'HTTPS_PROXY' : 'HTTP_PROXY');
}

function parseProxy(text: string, variable: string): HttpProxy {
  // A bare host and port would be taken for a scheme and a path.
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) {
    throw new DrawbridgeError('config', `the proxy in ${variable} is not a URL`, {
      hint: `Such as ${variable}=http://proxy.example:3128`,
    });
  }
  const url = new URL(full);
  const isTls = url.protocol === 'https:';
  if (!isTls && url.protocol !== 'http:') {
    throw new DrawbridgeError('config', `${variable} names a proxy that cannot be used`, {
      why: `${url.protocol}// is not supported, only http:// and https:// are`,
      hint: `Name an HTTP proxy in ${variable}, or the server in NO_PROXY.`,
    });
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host, port: Number(url.port || (isTls ? 443 : 80)), isTls, authorization: basic(url, variable) };
}

/** Basic credentials (RFC 7617) of the URL's user and password, which stand there percent-encoded. */
function basic(url: URL, variable: string): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  try {
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    return `Basic ${Buffer.from(credentials).toString('base64')}`;
  } catch {
    throw new DrawbridgeError('config', `user and password of the proxy in ${variable} cannot be read`, {
      why: 'they are not percent-encoded as a URL has it',
      hint: 'Write % as %25, @ as %40, : as %3A.',
    });
  }
}

/** NO_PROXY as curl reads it: names with all that is below them, addresses, CIDR ranges, each perhaps with a port, or `*`. */
function isExempt(host: string, port: number, noProxy: string): boolean {
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== '' && isMatch(entry, host, port));
}

function isMatch(entry: string, host: string, port: number): boolean {
  if (entry === '*') return true;
  const [, name = entry, entryPort] = /^\[([^\]]+)\](?::(\d+))?$/.exec(entry) ?? /^([^:]+):(\d+)$/.exec(entry) ?? [];
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  if (isIP(host) !== 0) return isWithin(host, name);
  const suffix = name.replace(/^\*?\./, '').replace(/\.$/, '');
  return suffix !== '' && (host === suffix || host.endsWith(`.${suffix}`));
}

/** Whether an address is the one given, or within the range given. A range that cannot be read holds nothing. */
function isWithin(address: string, range: string): boolean {
  const [network = '', bits, ...rest] = range.split('/');
  const family = isIP(network);
  if (family === 0 || family !== isIP(address) || rest.length > 0) return false;
  const prefix = bits === undefined ? (family === 4 ? 32 : 128) : /^\d{1,3}$/.test(bits) ? Number(bits) : 129;
  if (prefix > (family === 4 ? 32 : 128)) return false;
  const type = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(network, prefix, type);
  return list.check(address, type);
}
