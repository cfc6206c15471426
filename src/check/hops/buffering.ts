/** `silence`: what is cut because nothing came on it for a while. */
type Obstacle = 'buffering' | 'compression' | 'silence';

interface ProxyAdvice {
  readonly name: string;
  /** By Server, Via and other header lines of its own. */
  readonly sign: RegExp;
  readonly buffering: string;
  readonly compression: string;
  readonly silence: string;
}

const ADVICE: readonly ProxyAdvice[] = [
  {
    name: 'nginx',
    sign: /^(server|via):.*\b(nginx|openresty)\b/im,
    buffering: 'proxy_buffering off; and proxy_read_timeout 1h; in the location of the MCP paths',
    compression: 'gzip off; in the location of the MCP paths, or no text/event-stream in gzip_types',
    silence: 'proxy_read_timeout 330s; in the location of the MCP paths',
  },
  {
    name: 'Caddy',
    sign: /^(server|via):.*\bcaddy\b/im,
    buffering: 'flush_interval -1 in reverse_proxy',
    compression: 'no encode for the MCP paths',
    silence: 'no stream_timeout in reverse_proxy, and no read_timeout in its transport',
  },
  {
    name: 'Apache',
    sign: /^(server|via):.*\bapache\b/im,
    buffering: 'ProxyPass … flushpackets=on, and SetEnv proxy-sendchunked 1',
    compression: 'SetEnv no-gzip 1 for the MCP paths, without mod_deflate',
    silence: 'ProxyPass … timeout=330',
  },
  {
    name: 'HAProxy',
    sign: /^(server|via):.*\bhaproxy\b/im,
    buffering: 'option http-no-delay, and no http-response wait-for-body',
    compression: 'no compression algo for text/event-stream',
    silence: 'timeout client 330s and timeout server 330s',
  },
  {
    name: 'Traefik',
    sign: /^(server|via):.*\btraefik\b/im,
    buffering: 'responseForwarding.flushInterval: -1 and no buffering middleware',
    compression: 'excludedContentTypes: text/event-stream in the compress middleware',
    silence: 'no respondingTimeouts.readTimeout or writeTimeout that is shorter than a session',
  },
  {
    name: 'Cloudflare',
    sign: /^(server:.*\bcloudflare\b|cf-ray:)/im,
    buffering: 'Cache-Control: no-transform from the server, and no rule that buffers or caches the path',
    compression: 'Cache-Control: no-transform from the server, or a compression rule that leaves the path out',
    silence: 'a sign of life from the server more often than every 100 s',
  },
];

/** What to change, at the proxy that the header lines name; the server's own `X-Accel-Buffering: no` helps with nginx. */
export function directiveOf(headerLines: string, obstacle: Obstacle): string {
  const proxy = ADVICE.find(({ sign }) => sign.test(headerLines));
  if (proxy !== undefined) return `${proxy.name} is in the way; it needs: ${proxy[obstacle]}.`;
  const all = ADVICE.map((each) => `${each.name}: ${each[obstacle]}`).join('; ');
  return `A proxy that does not say its name is in the way. ${all}.`;
}
