import { DrawbridgeError } from '../../errors.ts';
import { canonicalAddress } from '../address/canonical-address.ts';
import { type AddressMatcher, parseAddressRanges } from '../address/cidr.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { Policy, Refusal } from '../refusal.ts';

type RuleOptions = Pick<ResolvedGatewayOptions, 'allowAddresses' | 'denyAddresses'>;

/** One for everybody: it tells nobody which rule it was, nor as whom they were seen. */
const FORBIDDEN: Refusal = {
  error: new DrawbridgeError('forbidden_address', 'this address is not served'),
  closes: true,
};

/**
 * Whether a client at this address is served: not where it is denied, then only where it is allowed. An empty list of
 * what is allowed is nobody; without one everybody else is. Where there are rules, a client without an address, such as
 * one on a unix socket, is not. Throws `config`.
 */
export function compileAddressRules({ allowAddresses, denyAddresses }: RuleOptions): AddressMatcher {
  const isDenied = parseAddressRanges(denyAddresses, 'denyAddresses');
  const isAllowed = allowAddresses === undefined ? undefined : parseAddressRanges(allowAddresses, 'allowAddresses');
  if (isAllowed === undefined && denyAddresses.length === 0) return () => true;
  return (text) => {
    const address = canonicalAddress(text);
    if (address === undefined || isDenied(address)) return false;
    return isAllowed === undefined || isAllowed(address);
  };
}

/** Refuses with 403 whoever the rules do not let in. */
export function checkAddress(isAddressAllowed: AddressMatcher): Policy {
  return ({ address }) => (isAddressAllowed(address) ? undefined : FORBIDDEN);
}
