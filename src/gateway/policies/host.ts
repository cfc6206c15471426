import { DrawbridgeError } from '../../errors.ts';
import type { Policy } from '../refusal.ts';

/** Of a Host header: a name or address, and a port that does not matter. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;

/** This machine's own names, which no page on another site can make a browser send (DNS rebinding). */
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

/** Lets pass only requests whose Host is one of ours: loopback names, and those configured; the port is free. */
export function checkHost(allowedHosts: readonly string[]): Policy {
  const allowed = new Set([...LOOPBACK_HOSTS, ...allowedHosts.map((host) => parseHost(host))]);
  return ({ req }) => {
    const name = HOST.exec((req.headers.host ?? '').toLowerCase())?.[1];
    if (name !== undefined && allowed.has(name)) return undefined;
    return { error: new DrawbridgeError('forbidden_host', 'this gateway does not answer to that Host') };
  };
}

/** Throws `config` for what is no host name or address. */
function parseHost(text: string): string {
  const name = HOST.exec(text.toLowerCase())?.[1];
  if (name === undefined) {
    throw new DrawbridgeError('config', `${JSON.stringify(text)} is not a host name`, {
      why: 'it is given in --allowed-hosts',
    });
  }
  return name;
}
