import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { type Authenticator, loopbackOnly } from '../policies/authenticate.ts';
import { basicAuthenticator } from './basic.ts';
import { clientCertificateAuthenticator } from './client-certificate.ts';
import { jwtAuthenticator } from './jwt.ts';
import { keyAuthenticator } from './keys.ts';

/** Every way of showing who one is that the options name; a request may use any one of them. */
export function assembleAuthenticators(options: ResolvedGatewayOptions): readonly Authenticator[] {
  if (options.auth === 'none') return [loopbackOnly];
  const authenticators: Authenticator[] = [];
  try {
    add(authenticators, options);
  } catch (thrown) {
    // Those before the one that cannot start would watch their files for ever.
    for (const authenticator of authenticators) authenticator.close();
    throw thrown;
  }
  return authenticators;
}

function add(authenticators: Authenticator[], options: ResolvedGatewayOptions): void {
  const { keyFile, htpasswdFile, allowWeakPasswords, jwtIssuer, mtls, logger } = options;
  const hasJwt = jwtIssuer !== undefined;
  if (keyFile !== undefined) authenticators.push(keyAuthenticator({ path: keyFile, logger, hasJwt }));
  if (htpasswdFile !== undefined) {
    authenticators.push(basicAuthenticator({ path: htpasswdFile, allowWeakPasswords, logger }));
  }
  if (mtls !== 'off') authenticators.push(clientCertificateAuthenticator({ mtls }));
  if (jwtIssuer !== undefined) authenticators.push(jwtAuthenticator(options, jwtIssuer));
}
