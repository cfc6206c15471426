import { CADDY } from './caddy.ts';
import { describeIdle } from './describe-idle.ts';
import { describeProxy } from './describe-proxy.ts';

describeProxy(CADDY);
describeIdle(CADDY);
