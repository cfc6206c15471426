import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

/**
 * helmet's headers as a flat list of names and values. They do not depend on the request, so helmet runs once, on a
 * response that only remembers. There is no page to protect, hence a content policy that allows nothing.
 */
export function securityHeaders(options: { readonly isTls: boolean }): readonly string[] {
  const headers: string[] = [];
  const recorder = {
    setHeader: (name: string, value: string) => headers.push(name, value),
    removeHeader: () => {},
  };
  const middleware = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    frameguard: { action: 'deny' },
    strictTransportSecurity: options.isTls ? { maxAge: 31_536_000, includeSubDomains: true } : false,
  });
  middleware({} as IncomingMessage, recorder as unknown as ServerResponse, () => {});
  return headers;
}
