import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import { type Authenticator, loopbackOnly } from '../policies/authenticate.ts';
import { keyAuthenticator } from './keys.ts';

/** Every way of showing who one is that the options name; a request may use any one of them. */
export function assembleAuthenticators(options: ResolvedGatewayOptions): readonly Authenticator[] {
  if (options.auth === 'none') return [loopbackOnly];
  const authenticators: Authenticator[] = [];
  if (options.keyFile !== undefined) authenticators.push(keyAuthenticator(options.keyFile));
  return authenticators;
}
