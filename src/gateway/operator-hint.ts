import type { DrawbridgeError } from '../errors.ts';

/** By the status of the upstream's answer. */
const BY_STATUS: Readonly<Record<number, string>> = {
  401: 'Give the credential that the MCP server wants with --upstream-header "Authorization: Bearer …".',
  403: 'Give the credential that the MCP server wants with --upstream-header; if it judges the Host header, another name with --upstream-host.',
  404: 'Is the path of --upstream right, such as /sse or /mcp?',
  421: 'Give a name that the MCP server takes with --upstream-host, such as localhost:8000; Python servers list theirs in allowed_hosts.',
};
const FOREIGN_ORIGIN =
  'The MCP server judges the Origin header, and the gateway sends none unless --upstream-header does; allow it there, or leave it out here.';

/** Where the status does not say it, or there is none. */
const BY_CODE: Partial<Record<DrawbridgeError['code'], string>> = {
  upstream_unreachable: 'Is the MCP server running, and does --upstream name its address as this machine reaches it?',
  upstream_untrusted:
    'Name the file of the authority that signed its certificate in NODE_EXTRA_CA_CERTS, if you trust it.',
  upstream_timeout: 'Is the MCP server busy or hung? --upstream-read-timeout says how long an answer may take.',
  upstream_refused:
    'Does the MCP server want a credential (--upstream-header) or a client certificate, which the gateway has not?',
  upstream_redirect: 'Write the URL that it redirects to as --upstream, if you trust it.',
  upstream_invalid: 'Is --upstream really the URL of an MCP server?',
};

/** Options that the bridge has and the gateway has not. */
const BRIDGE_OPTION = /--(?!upstream|family)/;

/** What the operator of a gateway can try; what an error of the upstream itself advises is for users of the bridge. */
export function operatorHint({ code, upstreamStatus, why = '', hint }: DrawbridgeError): string {
  if (upstreamStatus === 403 && /\borigin\b/i.test(why)) return FOREIGN_ORIGIN;
  const byStatus = upstreamStatus === undefined ? undefined : BY_STATUS[upstreamStatus];
  if (byStatus !== undefined) return byStatus;
  const byCode = BY_CODE[code];
  return byCode !== undefined && (BRIDGE_OPTION.test(hint) || upstreamStatus !== undefined) ? byCode : hint;
}
