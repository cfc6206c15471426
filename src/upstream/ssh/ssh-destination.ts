import { isIPv6 } from 'node:net';
import { DrawbridgeError } from '../../errors.ts';

/** Where ssh connects to; every part is plain enough to be an argument of ssh that cannot be taken for an option. */
export interface SshDestination {
  readonly user: string | undefined;
  /** A name, an IPv4 address, an IPv6 address without brackets, or a `Host` of the SSH configuration. */
  readonly host: string;
  /** Undefined where the SSH configuration decides, which says 22 unless it was changed. */
  readonly port: number | undefined;
}

const FORM = 'Write user@host, user@host:port, or user@[address]:port for an IPv6 address.';
/** Some user names hold an `@` or, with a Windows domain, a backslash. */
const USER = /^[A-Za-z0-9_][A-Za-z0-9._+@\\-]{0,254}$/;
const HOST = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$/;
const IPV6_ZONE = /^[A-Za-z0-9:.]+(%[A-Za-z0-9._-]{1,32})?$/;

/**
 * Reads `[user@]host[:port]`, an IPv6 address in brackets. Throws `config` for all else: what ssh or the shell of a
 * ProxyCommand could take for something other than a name never reaches them.
 */
export function parseSshDestination(text: string): SshDestination {
  const at = text.lastIndexOf('@');
  const user = at === -1 ? undefined : text.slice(0, at);
  const parts = /^(?:\[([^[\]]*)\]|([^:[\]]*))(?::(.*))?$/s.exec(text.slice(at + 1));
  const host = parts?.[1] ?? parts?.[2] ?? '';
  const port = parts?.[3];
  const why = reasonAgainst(text, user, parts === null ? undefined : host, parts?.[1] !== undefined, port);
  if (why !== undefined) {
    throw new DrawbridgeError('config', `the SSH destination ${JSON.stringify(shown(text))} cannot be used`, {
      why,
      hint: FORM,
    });
  }
  return { user, host, port: port === undefined ? undefined : Number(port) };
}

/** `user@host`, as ssh takes it after the port was given by `-p`. */
export function sshName({ user, host }: SshDestination): string {
  return user === undefined ? host : `${user}@${host}`;
}

/** The command by which its user reaches the destination in a terminal. */
export function sshCommandLine(destination: SshDestination): string {
  const port = destination.port === undefined ? '' : `-p ${destination.port} `;
  return `ssh ${port}${sshName(destination)}`;
}

function reasonAgainst(
  text: string,
  user: string | undefined,
  host: string | undefined,
  isBracketed: boolean,
  port: string | undefined,
): string | undefined {
  if (text === '') return 'it is empty';
  if (/[\s\u0000-\u001f\u007f-\u00a0\u2028\u2029]/.test(text)) return 'there is a space or a control character in it';
  if (text.startsWith('-') || host?.startsWith('-')) return 'it could be taken for an option of ssh';
  if (user?.includes(':')) return 'there is a colon before the @: it takes no password, and is no URL';
  if (user !== undefined && !USER.test(user)) return 'its user name has characters that are not expected in one';
  if (user?.endsWith('\\')) return 'its user name ends with a backslash';
  if (port?.includes(':')) return 'it has too many colons; an IPv6 address is written in brackets';
  if (host === undefined) return 'its brackets hold no address, or something stands beside them';
  if (host === '') return 'its host is missing';
  if (isBracketed ? !isIPv6(host) || !IPV6_ZONE.test(host) : !HOST.test(host)) {
    return isBracketed ? 'what stands in brackets is no IPv6 address' : 'its host is neither a name nor an address';
  }
  if (port !== undefined && (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)) {
    return 'its port is not a number from 1 to 65535';
  }
  return undefined;
}

/** Without what might be a password. */
function shown(text: string): string {
  const masked = text.replace(/^(.*\/\/)?([^:@]*):.*@/s, '$1$2:***@');
  return masked.length > 80 ? `${masked.slice(0, 80)}…` : masked;
}
