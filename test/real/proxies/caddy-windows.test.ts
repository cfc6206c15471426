/** The variant for Windows, by Caddy on this system: only its ports, paths and certificate are others than there. */
import { CADDY_WINDOWS } from './caddy.ts';
import { describeProxy } from './describe-proxy.ts';

describeProxy(CADDY_WINDOWS);
