/** A private HAProxy on 127.0.0.1 that balances over several gateways, as docs/gateway.md says. */
import { send } from '../parts/raw-http.ts';
import { type Balancer, startBalancer } from './balancer.ts';

const STATS = '/haproxy-stats';

/** Each principal stays with one gateway while that says at /ready that it is there, and then with the next. */
const configuration = (port: number, gateways: readonly number[]): string => `
global
  maxconn 512
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout check 2s
frontend clients
  bind 127.0.0.1:${port}
  stats enable
  stats uri ${STATS}
  default_backend gateways
backend gateways
  balance roundrobin
  stick-table type string len 128 size 10k expire 30m
  stick on req.hdr(Authorization)
  option httpchk
  http-check send meth GET uri /ready hdr Host localhost
  http-check expect status 200
  option redispatch 1
  retries 3
  retry-on conn-failure empty-response 503
${gateways.map((gateway, index) => `  server gateway${index} 127.0.0.1:${gateway} check inter 100ms fall 1 rise 1`).join('\n')}
`;

export interface Haproxy extends Balancer {
  /** Whether it gives this gateway anything to do. */
  counts(gateway: number): Promise<boolean>;
}

export async function startHaproxy(gateways: readonly number[]): Promise<Haproxy> {
  const balancer = await startBalancer({
    path: '/usr/sbin/haproxy',
    packageName: 'haproxy',
    configuration: (_folder, port) => configuration(port, gateways),
    args: (_folder, file) => ['-db', '-f', file],
  });
  return {
    ...balancer,
    counts: async (gateway) => {
      const { body } = await send(balancer.origin, { path: `${STATS};csv` });
      return new RegExp(`^gateways,gateway${gateways.indexOf(gateway)},.*,UP,`, 'm').test(body);
    },
  };
}
