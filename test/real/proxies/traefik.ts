/** Traefik, built from the Go module proxy, with docs/deploy/proxies/traefik.yml and traefik-dynamic.yml. */
import { ensureTraefik } from '../traefik.mjs';
import type { ProxyKind } from './proxy.ts';
import { readShipped, replaceAll } from './shipped-file.ts';

export const TRAEFIK: ProxyKind = {
  file: 'traefik.yml',
  install: ensureTraefik,
  replacements: ({ folder, httpsPort, httpPort }) => [
    { from: 'address: ":443"', to: `address: "127.0.0.1:${httpsPort}"` },
    { from: 'address: ":80"', to: `address: "127.0.0.1:${httpPort}"` },
    { from: '/etc/traefik/traefik-dynamic.yml', to: `${folder}/traefik-dynamic.yml` },
  ],
  surroundings: ({ gatewayPort, certFile, keyFile }) => ({
    'traefik-dynamic.yml': replaceAll(readShipped('traefik-dynamic.yml'), [
      { from: 'http://127.0.0.1:8080', to: `http://127.0.0.1:${gatewayPort}` },
      { from: '/etc/traefik/db.example.com.pem', to: certFile },
      { from: '/etc/traefik/db.example.com.key', to: keyFile },
    ]),
  }),
  args: (_site, file) => [`--configFile=${file}`],
  complaint: /\b(ERR|ERROR|level=error)\b/,
  // It has none unless they are written.
  idleTimeouts: /(?<name>(?:read|write|idle)Timeout|(?:responseHeader|idleConn)Timeout):\s+(?<value>\w+)/g,
  otherTimeouts: ['graceTimeOut'],
};
