import { describeIdle } from './describe-idle.ts';
import { describeProxy } from './describe-proxy.ts';
import { HAPROXY } from './haproxy.ts';

describeProxy(HAPROXY);
describeIdle(HAPROXY);
