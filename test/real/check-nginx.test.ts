import { afterEach, describe, expect, it } from 'vitest';
import type { Finding } from '../../src/check/finding.ts';
import { type Staging, startStagedMcp } from '../parts/staged-mcp.ts';
import { walked } from '../parts/walked.ts';
import { startBalancer } from './balancer.ts';

const endings: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

/** As many tools as a real server has, each with a schema: more than one of nginx's buffers holds. */
const MANY = {
  'tools/list': { tools: Array.from({ length: 9 }, (_, n) => ({ name: `tool-${n}`, about: 'x'.repeat(900) })) },
};

/** What is found of a server behind nginx, whose location has these lines. */
async function behindNginx(location: string, staging: Staging = {}): Promise<readonly Finding[]> {
  const server = await startStagedMcp({ isBeating: false, results: MANY, ...staging });
  endings.push(server.close);
  const nginx = await startBalancer({
    path: '/usr/sbin/nginx',
    packageName: 'nginx',
    configuration: (folder, port) => `
daemon off; master_process off; pid ${folder}/pid; error_log stderr warn;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f;
  uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://127.0.0.1:${server.port}; proxy_set_header Host 127.0.0.1:${server.port}; ${location} }
  }
}
`,
    args: (folder, file) => ['-p', folder, '-c', file],
  });
  endings.push(nginx.stop);
  return walked(`${nginx.origin}/sse`, { timeoutMs: 2000, heartbeatMs: 1500, until: 'heartbeat' });
}

const failed = (found: readonly Finding[]): string[] =>
  found.filter(({ verdict }) => verdict === 'fail').map(({ hop, remedy }) => `${hop} ${remedy}`);

describe('check, through nginx', () => {
  it.each([
    'proxy_http_version 1.0;',
    'proxy_http_version 1.1;',
  ])('that buffers: the directive is named (%s)', async (version) => {
    const [first, ...others] = failed(await behindNginx(`proxy_buffering on; ${version}`));
    expect(first).toMatch(/^stream nginx is in the way; it needs: proxy_buffering off;/);
    expect(others).toEqual([]);
  });

  it('that cuts idle streams: its timeout is named', async () => {
    const found = failed(await behindNginx('proxy_buffering off; proxy_read_timeout 1s;'));
    expect(found).toEqual([
      expect.stringMatching(/^heartbeat .*nginx is in the way; it needs: proxy_read_timeout 330s/),
    ]);
  });

  it('that passes on what comes: nothing fails', async () => {
    expect(failed(await behindNginx('proxy_buffering off;', { isBeating: true }))).toEqual([]);
  });
});
