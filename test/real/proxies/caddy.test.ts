import { CADDY } from './caddy.ts';
import { describeProxy } from './describe-proxy.ts';

describeProxy(CADDY);
