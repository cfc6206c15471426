/**
 * The snippets by which operators put a proxy in front of postgres-mcp today, in their shape, mistakes included: only
 * /sse is forwarded, to "localhost", and what the client claims in X-Forwarded-For goes on.
 */
import { readFileSync } from 'node:fs';
import { APACHE } from './apache.ts';
import { CADDY } from './caddy.ts';
import { HAPROXY } from './haproxy.ts';
import { NGINX } from './nginx.ts';
import type { ProxyKind, Site } from './proxy.ts';
import { TRAEFIK } from './traefik.ts';

export interface Recipe {
  readonly name: string;
  readonly kind: ProxyKind;
  readonly text: (site: Site) => string;
  /** What a path is answered with that it does not forward. */
  readonly elsewhere: number;
  /** Whether it forwards /health too, which postgres-mcp does not have. */
  readonly forwardsHealth: boolean;
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
  elsewhere: 404,
  forwardsHealth: true,
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
  elsewhere: 200,
  forwardsHealth: false,
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
  // With nothing in it, which a client takes for a server that is silent.
  elsewhere: 200,
  forwardsHealth: true,
  text: (site) =>
    caddySite(
      site,
      `\t@sse path /sse /sse/*\n\treverse_proxy @sse 127.0.0.1:${site.gatewayPort}\n\treverse_proxy /health 127.0.0.1:${site.gatewayPort}`,
    ),
};

/** Without a line of the recipe with which HAProxy does not start. */
export const HAPROXY_RECIPE: Recipe = {
  name: 'HAProxy, path_beg /sse',
  kind: {
    ...HAPROXY,
    surroundings: ({ certFile, keyFile }) => ({
      'site.pem': readFileSync(certFile, 'utf8') + readFileSync(keyFile, 'utf8'),
    }),
  },
  elsewhere: 503,
  forwardsHealth: false,
  text: ({ folder, httpsPort, gatewayPort }) => `defaults
    mode http
    timeout connect 5000ms
    timeout client 60000ms
    timeout server 60000ms
    timeout client-fin 30s
    timeout server-fin 30s
frontend mcp_frontend
    bind 127.0.0.1:${httpsPort} ssl crt ${folder}/site.pem
    acl is_sse path_beg /sse
    use_backend mcp_sse if is_sse
backend mcp_sse
    http-request set-header Host %[req.hdr(host)]
    no option httpchk
    option http-server-close
    server mcp1 localhost:${gatewayPort} check
`,
};

/** Without two lines of the recipe with which Apache does not start. */
export const APACHE_RECIPE: Recipe = {
  name: 'Apache, <Location /sse>',
  kind: APACHE,
  elsewhere: 404,
  forwardsHealth: false,
  text: ({ httpsPort, gatewayPort, certFile, keyFile }) => `<VirtualHost 127.0.0.1:${httpsPort}>
    ServerName db.example.com
    SSLEngine on
    SSLCertificateFile ${certFile}
    SSLCertificateKeyFile ${keyFile}
    <Location /sse>
        ProxyPass http://localhost:${gatewayPort}/sse
        ProxyPassReverse http://localhost:${gatewayPort}/sse
        ProxyPreserveHost On
        SetEnv proxy-nokeepalive 1
        SetEnv proxy-initial-not-pooled 1
    </Location>
</VirtualHost>
`,
};

export const TRAEFIK_RECIPE: Recipe = {
  name: 'Traefik, PathPrefix(`/sse`)',
  elsewhere: 404,
  forwardsHealth: false,
  kind: {
    ...TRAEFIK,
    surroundings: ({ gatewayPort, certFile, keyFile }) => ({
      'dynamic.yml': `http:
  routers:
    mcp-server:
      rule: "Host(\`db.example.com\`) && PathPrefix(\`/sse\`)"
      entryPoints: [websecure]
      middlewares: [mcp-sse-headers]
      service: mcp-server
      tls: {}
  middlewares:
    mcp-sse-headers:
      headers:
        customRequestHeaders: { Connection: "", Cache-Control: no-cache }
  services:
    mcp-server:
      loadBalancer:
        servers: [{ url: "http://localhost:${gatewayPort}" }]
tls:
  certificates: [{ certFile: ${certFile}, keyFile: ${keyFile} }]
`,
    }),
  },
  text: ({ folder, httpsPort }) => `global: { checkNewVersion: false, sendAnonymousUsage: false }
entryPoints: { websecure: { address: "127.0.0.1:${httpsPort}" } }
providers: { file: { filename: ${folder}/dynamic.yml } }
`,
};
