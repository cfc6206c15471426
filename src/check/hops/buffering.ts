type Obstacle = 'buffering' | 'compression';

interface ProxyAdvice {
  readonly name: string;
  /** By Server, Via and other header lines of its own. */
  readonly sign: RegExp;
  readonly buffering: string;
  readonly compression: string;
}

const ADVICE: readonly ProxyAdvice[] = [
  {
    name: 'nginx',
    sign: /^(server|via):.*\b(nginx|openresty)\b/im,
    buffering: 'proxy_buffering off; and proxy_read_timeout 1h; in the location of the MCP paths',
    compression: 'gzip off; in the location of the MCP paths, or no text/event-stream in gzip_types',
  },
  {
    name: 'Caddy',
    sign: /^(server|via):.*\bcaddy\b/im,
    buffering: 'flush_interval -1 in reverse_proxy',
    compression: 'no encode for the MCP paths',
  },
  {
    name: 'Apache',
    sign: /^(server|via):.*\bapache\b/im,
    buffering: 'ProxyPass … flushpackets=on, and SetEnv proxy-sendchunked 1',
    compression: 'SetEnv no-gzip 1 for the MCP paths, without mod_deflate',
  },
  {
    name: 'HAProxy',
    sign: /^(server|via):.*\bhaproxy\b/im,
    buffering: 'no option http-buffer-request, and timeout tunnel 1h',
    compression: 'no compression algo for text/event-stream',
  },
  {
    name: 'Traefik',
    sign: /^(server|via):.*\btraefik\b/im,
    buffering: 'responseForwarding.flushInterval: -1 and no buffering middleware',
    compression: 'excludedContentTypes: text/event-stream in the compress middleware',
  },
  {
    name: 'Cloudflare',
    sign: /^(server:.*\bcloudflare\b|cf-ray:)/im,
    buffering: 'Cache-Control: no-transform from the server, and no rule that buffers or caches the path',
    compression: 'Cache-Control: no-transform from the server, or a compression rule that leaves the path out',
  },
];

/** What to change, at the proxy that the header lines name; the server's own `X-Accel-Buffering: no` helps with nginx. */
export function directiveOf(headerLines: string, obstacle: Obstacle): string {
  const proxy = ADVICE.find(({ sign }) => sign.test(headerLines));
  if (proxy !== undefined) return `${proxy.name} is in the way; it needs: ${proxy[obstacle]}.`;
  const all = ADVICE.map((each) => `${each.name}: ${each[obstacle]}`).join('; ');
  return `A proxy that does not say its name is in the way. ${all}.`;
}
