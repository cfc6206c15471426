/** HAProxy of Debian with docs/deploy/proxies/haproxy.cfg. */
import { readFileSync } from 'node:fs';
import { installFromDebian, type ProxyKind } from './proxy.ts';

export const HAPROXY: ProxyKind = {
  file: 'haproxy.cfg',
  install: () => installFromDebian('/usr/sbin/haproxy', 'haproxy'),
  replacements: ({ folder, httpsPort, httpPort, gatewayPort }) => [
    { from: 'bind :443 ', to: `bind 127.0.0.1:${httpsPort} ` },
    { from: 'bind :80\n', to: `bind 127.0.0.1:${httpPort}\n` },
    { from: 'server gateway 127.0.0.1:8080', to: `server gateway 127.0.0.1:${gatewayPort}` },
    { from: '/etc/haproxy/db.example.com.pem', to: `${folder}/site.pem` },
  ],
  surroundings: ({ certFile, keyFile }) => ({
    'site.pem': readFileSync(certFile, 'utf8') + readFileSync(keyFile, 'utf8'),
  }),
  args: (_site, file) => ['-db', '-f', file],
  checkArgs: (_site, file) => ['-c', '-f', file],
  idleTimeouts: /(?<name>timeout (?:client|server))\s+(?<value>\w+)/g,
  otherTimeouts: ['timeout connect', 'timeout http-request', 'timeout http-keep-alive'],
  // It has no server that could be asked.
  downStatus: 503,
};
