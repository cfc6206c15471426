import { DrawbridgeError } from '../../errors.ts';
import type { Policy } from '../refusal.ts';

/** Of a Host header: a name or address, and a port that does not matter. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/;

/** This machine's own names, which no page on another site can make a browser send (DNS rebinding). */
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '[::1]'];

/** Spellings of an allowed Host that are remembered; the port alone could make 65536 of each. */
const MAX_KNOWN = 64;

/** Lets pass only requests whose Host is one of ours: loopback names, and those configured; the port is free. */
export function checkHost(allowedHosts: readonly string[]): Policy {
  const allowed = new Set([...LOOPBACK_HOSTS, ...allowedHosts.map((host) => parseHost(host))]);
  // Clients send one and the same Host; what was judged right once needs no second look.
  const known = new Set<string>();
  return ({ req }) => {
    if (known.has(req.headers.host ?? '')) return undefined;
    const name = HOST.exec((req.headers.host ?? '').toLowerCase())?.[1];
    if (name !== undefined && allowed.has(name)) {
      if (known.size < MAX_KNOWN) known.add(req.headers.host ?? '');
      return undefined;
    }
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
