/** Caddy of Debian with docs/deploy/proxies/Caddyfile, or the one for Windows. */
import { installFromDebian, type ProxyKind, type Site } from './proxy.ts';
import type { Replacement } from './shipped-file.ts';

/** A certificate of its own would be ordered on the internet; the file's other variant takes files. */
const common = ({ httpsPort, httpPort, gatewayPort }: Site): Replacement[] => [
  {
    from: '\temail ops@example.com\n',
    to: `\temail ops@example.com\n\tadmin off\n\thttp_port ${httpPort}\n\thttps_port ${httpsPort}\n\tdefault_bind 127.0.0.1\n`,
  },
  { from: 'reverse_proxy 127.0.0.1:8080', to: `reverse_proxy 127.0.0.1:${gatewayPort}` },
];

const caddy = (file: string, replacements: ProxyKind['replacements']): ProxyKind => ({
  file,
  install: () => installFromDebian('/usr/bin/caddy', 'caddy'),
  replacements: (site) => [...common(site), ...replacements(site)],
  args: (_site, path) => ['run', '--adapter', 'caddyfile', '--config', path],
  checkArgs: (_site, path) => ['validate', '--adapter', 'caddyfile', '--config', path],
  environment: ({ folder }) => ({ HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }),
  // It has none unless they are written.
  idleTimeouts: /(?<name>(?:read|write|idle|stream)_timeout|response_header_timeout)\s+(?<value>\w+)/g,
  otherTimeouts: ['grace_period'],
});

export const CADDY = caddy('Caddyfile', ({ certFile, keyFile }) => [
  { from: '# tls /etc/caddy/db.example.com.pem /etc/caddy/db.example.com.key', to: `tls ${certFile} ${keyFile}` },
]);

/** The file as it is shipped, which orders its certificate itself; here, of the authority at this directory. */
export const caddyWithAuthority = (directory: string, caFile: string): ProxyKind => ({
  ...caddy('Caddyfile', () => [
    {
      from: '\temail ops@example.com\n',
      to: `\temail ops@example.com\n\tacme_ca ${directory}\n\tacme_ca_root ${caFile}\n`,
    },
  ]),
  ordersCertificate: true,
});

export const CADDY_WINDOWS = caddy('Caddyfile.windows', ({ folder, certFile, keyFile }) => [
  { from: '# tls C:/caddy/db.example.com.pem C:/caddy/db.example.com.key', to: `tls ${certFile} ${keyFile}` },
  { from: 'file_system C:/caddy/data', to: `file_system ${folder}/data` },
  { from: 'output file C:/caddy/caddy.log', to: `output file ${folder}/caddy.log` },
]);
