/** A private nginx on 127.0.0.1 with the recipe that operators put in front of an MCP server today. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, within } from '../parts/deadline.ts';
import { ensureInstalled } from './debian.mjs';
import { findFreePort } from './free-port.mjs';

const PATH = '/usr/sbin/nginx';

const recipe = (folder: string, port: number, upstreamPort: number, htpasswd: string): string => `
daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server {
    listen 127.0.0.1:${port};
    add_header X-Frame-Options DENY always;
    add_header X-Content-Type-Options nosniff always;
    add_header X-XSS-Protection "1; mode=block" always;
    add_header Referrer-Policy strict-origin-when-cross-origin always;
    location = /health { access_log off; return 200 "ok"; }
    location ~ ^/(sse|messages) {
      deny 127.0.0.3; allow 127.0.0.0/8; deny all;
      auth_basic "mcp"; auth_basic_user_file ${htpasswd};
      proxy_pass http://127.0.0.1:${upstreamPort};
      proxy_http_version 1.1; proxy_buffering off; proxy_cache off;
      proxy_read_timeout 300s; proxy_send_timeout 300s; proxy_connect_timeout 60s;
      proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port;
    }
    location / { return 404; }
  }
}
`;

/** Whether anything answers there. */
const answers = (port: number): Promise<boolean> =>
  new Promise((fulfil) => {
    const req = request({ host: '127.0.0.1', port, path: '/health', agent: false }, (res) => {
      res.resume();
      fulfil(true);
    });
    req.on('error', () => fulfil(false)).end();
  });

export interface Nginx {
  readonly origin: string;
  stop(): Promise<void>;
}

export function startNginx(upstreamPort: number, htpasswd: string): Promise<Nginx> {
  return runNginx((folder, port) => recipe(folder, port, upstreamPort, htpasswd), answers);
}

/** Starts one with this configuration, and waits until it is up on its port. */
async function runNginx(
  configure: (folder: string, port: number) => string,
  isUp: (port: number) => Promise<boolean>,
): Promise<Nginx> {
  const command = await ensureInstalled({
    find: async () => (existsSync(PATH) ? PATH : undefined),
    missing: `${PATH} was not found`,
    packages: ['nginx'],
  });
  const folder = await mkdtemp(join(tmpdir(), 'drawbridge-nginx-'));
  const port = await findFreePort();
  await writeFile(join(folder, 'nginx.conf'), configure(folder, port));
  const child = spawn(command, ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await within(8000, 'nginx ends', exited);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await until('nginx is up', () => isUp(port), 10_000);
  } catch (error) {
    await stop();
    throw error;
  }
  return { origin: `http://127.0.0.1:${port}`, stop };
}
