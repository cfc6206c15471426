import { describeIdle } from './describe-idle.ts';
import { describeProxy } from './describe-proxy.ts';
import { TRAEFIK } from './traefik.ts';

describeProxy(TRAEFIK);
describeIdle(TRAEFIK);
