import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Authentication, Authenticator } from '../policies/authenticate.ts';
import type { RequestContext } from '../request-context.ts';

/** What can stand in a log and in a header, which is what the name of a principal is for. */
const NAME = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,256}$/;

export interface ClientCertificateOptions {
  /** `require`: every request needs one, besides another credential where there are others. */
  readonly mtls: 'accept' | 'require';
}

/**
 * The client certificate that TLS has verified on the request's own connection; its common name, or where it has none its
 * first alternative name, is the principal. What headers say of certificates means nothing.
 */
export function clientCertificateAuthenticator({ mtls }: ClientCertificateOptions): Authenticator {
  // A certificate is the connection's, as long as that lives; reading one costs more than the rest of the chain.
  const known = new WeakMap<object, Authentication>();
  return {
    challenges: ['TLS-Client-Certificate realm="mcp-drawbridge"'],
    isNeededBesides: mtls === 'require',
    authenticate: (context) => {
      const socket = socketOf(context);
      let found = known.get(socket);
      if (found === undefined) {
        found = readCertificate(socket);
        known.set(socket, found);
      }
      return typeof found === 'object' && 'isCurrent' in found && !found.isCurrent() ? 'wrong' : found;
    },
    close: () => {},
  };
}

/** Under HTTP/2 the request's socket is a stand-in; the connection is the session's. */
function socketOf({ req }: RequestContext): Socket {
  const { stream } = req as { stream?: { session?: { socket?: Socket } } };
  return stream?.session?.socket ?? req.socket;
}

function readCertificate(socket: Socket): Authentication {
  if (!('encrypted' in socket)) return 'absent';
  const tls = socket as TLSSocket;
  const { subject, subjectaltname, valid_to: validTo } = tls.getPeerCertificate();
  if (subject === undefined && validTo === undefined) return 'absent';
  const expiresAt = Date.parse(validTo);
  const name = nameOf(subject?.CN, subjectaltname);
  if (tls.authorized !== true || Number.isNaN(expiresAt) || name === undefined) return 'wrong';
  return { id: `mtls:${name}`, method: 'mtls', scopes: [], expiresAt, isCurrent: () => Date.now() < expiresAt };
}

/** Node gives a list where a subject has several common names, of which none is the one. */
function nameOf(commonName: unknown, alternatives: string | undefined): string | undefined {
  // What holds a comma is quoted there.
  const [, quoted, plain] = /^[^:,]{1,20}:(?:("(?:[^"\\]|\\.)*")|([^,]*))/.exec(alternatives ?? '') ?? [];
  const name = commonName ?? (quoted === undefined ? plain : (JSON.parse(quoted) as unknown));
  return typeof name === 'string' && NAME.test(name) ? name : undefined;
}
