import { describeIdle } from './describe-idle.ts';
import { describeProxy } from './describe-proxy.ts';
import { NGINX } from './nginx.ts';

describeProxy(NGINX);
describeIdle(NGINX);
