/** nginx of Debian with docs/deploy/proxies/nginx.conf, included by a main file as Debian's own includes conf.d. */
import { installFromDebian, type ProxyKind } from './proxy.ts';

export const NGINX: ProxyKind = {
  file: 'nginx.conf',
  install: () => installFromDebian('/usr/sbin/nginx', 'nginx'),
  replacements: ({ httpsPort, httpPort, gatewayPort, certFile, keyFile }) => [
    { from: 'listen 443 ', to: `listen 127.0.0.1:${httpsPort} ` },
    { from: 'listen 80;', to: `listen 127.0.0.1:${httpPort};` },
    { from: 'http://127.0.0.1:8080', to: `http://127.0.0.1:${gatewayPort}` },
    { from: '/etc/letsencrypt/live/db.example.com/fullchain.pem', to: certFile },
    { from: '/etc/letsencrypt/live/db.example.com/privkey.pem', to: keyFile },
  ],
  // What an operator's other sites may have switched on for all.
  surroundings: ({ folder }) => ({
    'main.conf': `daemon off; pid ${folder}/pid; error_log stderr notice;
events { worker_connections 768; }
http {
  access_log off;
  gzip on; gzip_types *; gzip_proxied any; proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  include ${folder}/nginx.conf;
}
`,
  }),
  args: ({ folder }) => ['-p', folder, '-c', `${folder}/main.conf`],
  checkArgs: ({ folder }) => ['-t', '-p', folder, '-c', `${folder}/main.conf`],
  idleTimeouts: /(?<name>proxy_read_timeout|proxy_send_timeout)\s+(?<value>\w+);/g,
  otherTimeouts: ['proxy_connect_timeout'],
};
