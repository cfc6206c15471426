/**
 * The snippets by which operators put a proxy in front of postgres-mcp today, in their shape, mistakes included: only
 * /sse is forwarded, to "localhost", and what the client claims in X-Forwarded-For goes on.
 */
import { CADDY } from './caddy.ts';
import { NGINX } from './nginx.ts';
import type { ProxyKind, Site } from './proxy.ts';

export interface Recipe {
  readonly name: string;
  readonly kind: ProxyKind;
  readonly text: (site: Site) => string;
}

const caddySite = (site: Site, forwarding: string): string => `{
	admin off
	http_port ${site.httpPort}
	https_port ${site.httpsPort}
	default_bind 127.0.0.1
	grace_period 1s
}
db.example.com {
	tls ${site.certFile} ${site.keyFile}
${forwarding}
}
`;

export const NGINX_RECIPE: Recipe = {
  name: 'nginx, location /sse',
  kind: NGINX,
  text: ({ httpsPort, gatewayPort, certFile, keyFile }) => `server {
  listen 127.0.0.1:${httpsPort} ssl http2;
  server_name db.example.com;
  ssl_certificate ${certFile};
  ssl_certificate_key ${keyFile};
  add_header X-Frame-Options DENY;
  location /sse {
    proxy_pass http://localhost:${gatewayPort}/sse;
    proxy_set_header Connection '';
    proxy_http_version 1.1;
    proxy_buffering off;
    proxy_cache off;
    chunked_transfer_encoding off;
    proxy_read_timeout 300s;
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto https;
  }
  location /health {
    proxy_pass http://127.0.0.1:${gatewayPort}/health;
  }
  location / { return 404; }
}
`,
};

/** As the recipe has it: the pattern does not match /sse itself. */
export const CADDY_RECIPE: Recipe = {
  name: 'Caddy, /sse/*',
  kind: CADDY,
  text: (site) =>
    caddySite(
      site,
      `\treverse_proxy /sse/* localhost:${site.gatewayPort} {
		flush_interval -1
		header_up Host {http.reverse_proxy.upstream.hostport}
		header_up X-Real-IP {http.request.remote}
		header_up X-Forwarded-Proto {http.request.scheme}
	}`,
    ),
};

/** As the recipe has it for Windows. */
export const CADDY_MATCHER_RECIPE: Recipe = {
  name: 'Caddy, /sse and /sse/*',
  kind: CADDY,
  text: (site) =>
    caddySite(
      site,
      `\t@sse path /sse /sse/*\n\treverse_proxy @sse 127.0.0.1:${site.gatewayPort}\n\treverse_proxy /health 127.0.0.1:${site.gatewayPort}`,
    ),
};
