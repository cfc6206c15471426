import { APACHE } from './apache.ts';
import { describeIdle } from './describe-idle.ts';
import { describeProxy } from './describe-proxy.ts';

describeProxy(APACHE);
describeIdle(APACHE);
