import { describe, expect, it } from 'vitest';
import { directiveOf } from '../../../src/check/hops/buffering.ts';

describe('the directive against buffering', () => {
  it.each([
    ['Server: nginx/1.24.0', 'proxy_buffering off', 'gzip off', 'proxy_read_timeout'],
    ['server: openresty', 'proxy_buffering off', 'gzip off', 'proxy_read_timeout'],
    ['via: 1.1 Caddy', 'flush_interval -1', 'encode', 'stream_timeout'],
    ['server: Apache/2.4.58 (Debian)', 'flushpackets=on', 'no-gzip', 'timeout=330'],
    ['via: 1.1 haproxy', 'wait-for-body', 'compression algo', 'timeout server'],
    ['server: Traefik', 'flushInterval', 'excludedContentTypes', 'respondingTimeouts'],
    ['cf-ray: 8f-FRA\nserver: cloudflare', 'no-transform', 'no-transform', '100 s'],
  ])('is that of the proxy that says %s', (line, buffering, compression, silence) => {
    const lines = `content-type: text/html\r\n${line}\r\n`;
    expect(directiveOf(lines, 'buffering')).toContain(buffering);
    expect(directiveOf(lines, 'compression')).toContain(compression);
    expect(directiveOf(lines, 'silence')).toContain(silence);
    expect(directiveOf(lines, 'buffering')).toContain('is in the way');
  });

  it('is one for each where none says its name', () => {
    expect(directiveOf('server: uvicorn', 'buffering')).toMatch(/nginx: proxy_buffering off.*Caddy: flush_interval -1/);
  });
});
