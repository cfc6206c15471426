import type { ResolvedGatewayOptions } from './gateway-options.ts';
import type { RequestContext } from './request-context.ts';

/**
 * What the gateway is called in addresses that are told, without a slash at the end: its public URL, or what the client
 * calls it, by a Host that was found to be one of ours.
 */
export function baseUrlOf(
  { req, scheme, mountPath }: RequestContext,
  { publicUrl }: Pick<ResolvedGatewayOptions, 'publicUrl'>,
): string {
  return publicUrl === undefined ? `${scheme}://${req.headers.host}${mountPath}` : withoutSlash(publicUrl);
}

export function withoutSlash({ origin, pathname }: URL): string {
  return origin + pathname.replace(/\/$/, '');
}
