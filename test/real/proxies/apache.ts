/** Apache of Debian with docs/deploy/proxies/apache.conf, included by a main file as Debian's own includes sites. */
import { installFromDebian, type ProxyKind } from './proxy.ts';

/** What Debian enables by itself, and what the file's comment says to enable. */
const MODULES = ['mpm_event', 'authz_core', 'alias', 'deflate', 'env', 'filter', 'reqtimeout', 'socache_shmcb'];
const ENABLED = ['ssl', 'headers', 'proxy', 'proxy_http'];

export const APACHE: ProxyKind = {
  file: 'apache.conf',
  install: () => installFromDebian('/usr/sbin/apache2', 'apache2'),
  replacements: ({ httpsPort, httpPort, gatewayPort, certFile, keyFile }) => [
    { from: '<VirtualHost *:443>', to: `<VirtualHost 127.0.0.1:${httpsPort}>` },
    { from: '<VirtualHost *:80>', to: `<VirtualHost 127.0.0.1:${httpPort}>` },
    { from: 'http://127.0.0.1:8080/', to: `http://127.0.0.1:${gatewayPort}/` },
    { from: '/etc/letsencrypt/live/db.example.com/fullchain.pem', to: certFile },
    { from: '/etc/letsencrypt/live/db.example.com/privkey.pem', to: keyFile },
  ],
  // What Debian has, and what an operator's other sites may have switched on for all.
  surroundings: ({ folder, httpsPort, httpPort }) => ({
    'main.conf': `ServerRoot ${folder}
PidFile ${folder}/pid
DefaultRuntimeDir ${folder}
ErrorLog ${folder}/error.log
LogLevel warn
ServerName localhost
User www-data
Group www-data
${[...MODULES, ...ENABLED].map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
Listen 127.0.0.1:${httpsPort}
Listen 127.0.0.1:${httpPort}
Timeout 300
KeepAliveTimeout 5
RequestReadTimeout header=20-40,minrate=500 body=10,minrate=500
SetOutputFilter DEFLATE
Include ${folder}/apache.conf
`,
  }),
  args: ({ folder }) => ['-D', 'FOREGROUND', '-d', folder, '-f', `${folder}/main.conf`],
  checkArgs: ({ folder }) => ['-t', '-d', folder, '-f', `${folder}/main.conf`],
  idleTimeouts: /(?<=\s)(?<name>timeout)=(?<value>\d+\w*)/g,
  idleTimeoutUnit: 's',
  otherTimeouts: ['connectiontimeout'],
  // A worker that was not reached is out of service, though for no time.
  downStatus: 503,
  offersHttp2: false,
  // It looks at the client only when it writes to it, which is every 14 s; the first write after the end still succeeds.
  noticesGoneMs: 45_000,
};
