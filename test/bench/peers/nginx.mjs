import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChildProcess, findFreePort } from '../processes.mjs';
import { securityHeaders } from '../security-headers.mjs';

// Real nginx as the yardstick: one worker, a bearer check, a rate limit too high to bite, the same security headers.

const POLICY_FILE = '/usr/sbin/policy-rc.d';

/** @returns {string | undefined} */
function findNginx() {
  const candidates = ['nginx', '/usr/sbin/nginx', '/usr/local/sbin/nginx', '/usr/local/nginx/sbin/nginx'];
  return candidates.find((file) => spawnSync(file, ['-v']).status === 0);
}

/** Debian only, as root only; the service that the package brings is kept from starting. */
function installNginx() {
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) return;
  console.error('bench: nginx is not here, installing it with apt-get');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) => spawnSync('apt-get', args, { env, stdio: 'ignore', timeout: 180_000 }).status === 0;
  // 101 is how Debian is told "no services here"; container images usually have the file already.
  const hadPolicy = existsSync(POLICY_FILE);
  if (!hadPolicy) writeFileSync(POLICY_FILE, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    apt('update');
    if (!apt('install', '-y', '--no-install-recommends', 'nginx-light')) {
      apt('install', '-y', '--no-install-recommends', 'nginx');
    }
  } finally {
    if (!hadPolicy) rmSync(POLICY_FILE);
  }
}

/** nginx keeps its temporary files where it was built to; each module that is built in must be told another place. */
function listTempPaths(nginx, folder) {
  const built = spawnSync(nginx, ['-V'], { encoding: 'utf8' }).stderr;
  const modules = ['proxy', 'fastcgi', 'uwsgi', 'scgi'].filter(
    (name) => !built.includes(`without-http_${name}_module`),
  );
  return ['client_body', ...modules].map((name) => `${name}_temp_path ${join(folder, name)};`);
}

function writeConfig({ nginx, folder, port, upstreamPort, key, inFlight }) {
  const text = `
daemon off;
worker_processes 1;
pid ${join(folder, 'nginx.pid')};
error_log stderr warn;
events { worker_connections 8192; }
http {
  access_log off;
  server_tokens off;
  tcp_nodelay on;
  ${listTempPaths(nginx, folder).join('\n  ')}
  map_hash_bucket_size 256;
  map $http_authorization $is_allowed {
    default 0;
    "Bearer ${key}" 1;
  }
  limit_req_zone $binary_remote_addr zone=calls:10m rate=1000000r/s;
  upstream mcp {
    server 127.0.0.1:${upstreamPort};
    keepalive ${Math.max(64, inFlight)};
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
${Object.entries(securityHeaders)
  .map(([name, value]) => `    add_header ${name} "${value}" always;`)
  .join('\n')}
    location / {
      if ($is_allowed = 0) { return 401; }
      limit_req zone=calls burst=1000000 nodelay;
      proxy_pass http://mcp;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host localhost:${upstreamPort};
      proxy_set_header Authorization "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
}
`;
  const file = join(folder, 'nginx.conf');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

export const nginx = {
  name: 'nginx+auth',
  hasAuth: true,

  /** @type {import('./index.mjs').Peer['start']} */
  async start({ upstreamPort, folder, cpu, inFlight }) {
    if (findNginx() === undefined) installNginx();
    const file = findNginx();
    if (file === undefined) throw new Error('nginx is not installed, and could not be');
    const key = randomBytes(24).toString('base64url');
    const port = await findFreePort();
    const config = writeConfig({ nginx: file, folder, port, upstreamPort, key, inFlight });
    const child = new ChildProcess('nginx', [file, '-p', folder, '-c', config], { cpu });
    await child.waitForPort(port, 15_000);
    return { port, paths: { sse: '/sse' }, authorization: `Bearer ${key}`, child };
  },
};
