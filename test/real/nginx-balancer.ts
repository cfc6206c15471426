/** A private nginx on 127.0.0.1 that balances over several gateways, as docs/gateway.md says. */
import { type Balancer, startBalancer } from './balancer.ts';

/**
 * Each principal stays with one gateway while that is there. max_fails=0: with two of them, one that has just come back
 * must not be passed over while the other one is restarted.
 */
const configuration = (folder: string, port: number, gateways: readonly number[]): string => `
daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  upstream gateways {
    hash $http_authorization consistent;
    ${gateways.map((gateway) => `server 127.0.0.1:${gateway} max_fails=0;`).join('\n    ')}
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://gateways;
      proxy_http_version 1.1; proxy_buffering off; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_next_upstream error timeout http_503 non_idempotent;
    }
  }
}
`;

export function startNginx(gateways: readonly number[]): Promise<Balancer> {
  return startBalancer({
    path: '/usr/sbin/nginx',
    packageName: 'nginx',
    configuration: (folder, port) => configuration(folder, port, gateways),
    args: (folder, file) => ['-p', folder, '-c', file],
  });
}
