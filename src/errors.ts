/**
 * Every failure this package names, in one closed table. `status` is what a gateway answers over HTTP, `rpcCode` what
 * stands in a JSON-RPC error, `exitCode` what the command line ends with, `hint` what the reader can try. No JSON-RPC code
 * is of the range that the MCP specification reserves, -32000…-32099, but its own -32020 and -32022, which are sent where
 * it says so and nowhere else: by them clients tell the era of a server.
 */
const TABLE = {
  usage: { status: 500, rpcCode: -32603, exitCode: 2, hint: 'Run mcp-drawbridge --help.' },
  config: { status: 500, rpcCode: -32603, exitCode: 2, hint: 'Correct the named option and start again.' },
  listen_failed: { status: 500, rpcCode: -32603, exitCode: 2, hint: 'Choose another --port or --host.' },
  demo_unavailable: { status: 500, rpcCode: -32603, exitCode: 2, hint: 'npm install @electric-sql/pglite' },
  upstream_unreachable: {
    status: 502,
    rpcCode: -32603,
    exitCode: 3,
    hint: 'Is the MCP server running, and is this its address?',
  },
  upstream_lost: { status: 502, rpcCode: -32603, exitCode: 3, hint: 'Did the MCP server restart? Its log may say.' },
  upstream_timeout: { status: 504, rpcCode: -32603, exitCode: 3, hint: 'Is the MCP server busy or hung?' },
  upstream_refused: { status: 502, rpcCode: -32603, exitCode: 4, hint: 'Check the credential given with --header.' },
  upstream_error: { status: 502, rpcCode: -32603, exitCode: 3, hint: 'The log of the MCP server may say more.' },
  upstream_invalid: { status: 502, rpcCode: -32603, exitCode: 3, hint: 'Is this really the URL of an MCP server?' },
  upstream_redirect: {
    status: 502,
    rpcCode: -32603,
    exitCode: 3,
    hint: 'Use the URL that the server redirects to, if you trust it.',
  },
  session_lost: { status: 404, rpcCode: -32603, exitCode: 3, hint: 'Initialize again.' },
  session_unknown: { status: 404, rpcCode: -32600, exitCode: 1, hint: 'Open a new session.' },
  not_found: { status: 404, rpcCode: -32600, exitCode: 1, hint: 'The gateway serves /sse and /mcp.' },
  unauthorized: { status: 401, rpcCode: -32600, exitCode: 4, hint: 'Send Authorization: Bearer <key>.' },
  insufficient_scope: { status: 403, rpcCode: -32600, exitCode: 4, hint: 'Ask for a token with the scopes it lacks.' },
  issuer_unreachable: {
    status: 503,
    rpcCode: -32603,
    exitCode: 3,
    hint: 'Try again soon; the gateway cannot reach the issuer of tokens.',
  },
  forbidden_address: { status: 403, rpcCode: -32600, exitCode: 4, hint: 'Ask the operator of this gateway.' },
  forbidden_host: { status: 403, rpcCode: -32600, exitCode: 1, hint: 'Allow the name with --allowed-hosts.' },
  forbidden_origin: { status: 403, rpcCode: -32600, exitCode: 1, hint: 'Allow the origin with --allowed-origins.' },
  rate_limited: { status: 429, rpcCode: -32603, exitCode: 1, hint: 'Wait, then try again.' },
  too_many_sessions: { status: 429, rpcCode: -32603, exitCode: 1, hint: 'Close sessions that are no longer used.' },
  too_many_pending: {
    status: 429,
    rpcCode: -32603,
    exitCode: 1,
    hint: 'Wait for answers before sending more requests.',
  },
  method_not_allowed: { status: 405, rpcCode: -32600, exitCode: 1, hint: 'See the Allow header.' },
  not_acceptable: {
    status: 406,
    rpcCode: -32600,
    exitCode: 1,
    hint: 'Accept both application/json and text/event-stream.',
  },
  unsupported_media_type: { status: 415, rpcCode: -32600, exitCode: 1, hint: 'Send application/json.' },
  body_too_large: { status: 413, rpcCode: -32600, exitCode: 1, hint: 'Send a smaller message.' },
  body_timeout: { status: 408, rpcCode: -32600, exitCode: 1, hint: 'Send the body at once.' },
  body_consumed: {
    status: 500,
    rpcCode: -32603,
    exitCode: 1,
    hint: 'Mount the gateway before express.json() and other body parsers.',
  },
  bad_request: { status: 400, rpcCode: -32600, exitCode: 1, hint: 'Send a well-formed HTTP request.' },
  parse_error: { status: 400, rpcCode: -32700, exitCode: 1, hint: 'Send one JSON-RPC 2.0 message as UTF-8 JSON.' },
  invalid_request: { status: 400, rpcCode: -32600, exitCode: 1, hint: 'Send one JSON-RPC 2.0 message.' },
  method_not_found: { status: 404, rpcCode: -32601, exitCode: 1, hint: 'Ask the server what it can do first.' },
  invalid_params: { status: 400, rpcCode: -32602, exitCode: 1, hint: 'Send the parameters that the method has.' },
  header_mismatch: {
    status: 400,
    rpcCode: -32020,
    exitCode: 1,
    hint: 'Send MCP-Protocol-Version, Mcp-Method and Mcp-Name as the body has them.',
  },
  version_unsupported: { status: 400, rpcCode: -32022, exitCode: 1, hint: 'Send initialize with a version supported.' },
  duplicate_id: {
    status: 400,
    rpcCode: -32600,
    exitCode: 1,
    hint: 'Use an id that no open request of this session has.',
  },
  cancelled: { status: 400, rpcCode: -32603, exitCode: 1, hint: 'Send it again if it is still wanted.' },
  upstream_untrusted: {
    status: 502,
    rpcCode: -32603,
    exitCode: 3,
    hint: 'Give the certificate of the authority that signed it with --ca, if you trust it.',
  },
  tool_not_available: {
    status: 403,
    rpcCode: -32603,
    exitCode: 1,
    hint: 'The options --ignore-tool and --allow-tool say which tools there are.',
  },
  request_timeout: { status: 504, rpcCode: -32603, exitCode: 3, hint: 'Give it longer with --request-timeout.' },
  certificate_failed: {
    status: 500,
    rpcCode: -32603,
    exitCode: 2,
    hint: 'Can the authority reach every domain on port 80 of this machine?',
  },
  loop_detected: {
    status: 508,
    rpcCode: -32603,
    exitCode: 2,
    hint: 'Does --upstream lead back to this gateway, perhaps over another one or a proxy?',
  },
  shutting_down: { status: 503, rpcCode: -32603, exitCode: 0, hint: 'Connect again.' },
  internal: { status: 500, rpcCode: -32603, exitCode: 1, hint: 'Please report this.' },
} as const;

/** The closed list of reasons; a JSON-RPC error carries one as `data.reason`. */
export type DrawbridgeErrorCode = keyof typeof TABLE;

/** All reasons, for documentation and its tests. */
export const ERROR_CODES = Object.keys(TABLE) as readonly DrawbridgeErrorCode[];

export interface DrawbridgeErrorDetails {
  /** Why it happened: errno, address, family, status. One line, no secrets. */
  readonly why?: string;
  /** Replaces the table's remedy. */
  readonly hint?: string;
  /** Replaces the table's HTTP status. */
  readonly status?: number;
  /** Whether bytes of the message may have reached the upstream; such a message is never sent twice. */
  readonly mayHaveRun?: boolean;
  /** The HTTP status that the upstream answered with. */
  readonly upstreamStatus?: number;
  /** How long the upstream asked to be left alone, in milliseconds. */
  readonly retryAfterMs?: number;
  /** The protocol versions that there are, and the one that was asked for (MCP 2026-07-28, UnsupportedProtocolVersion). */
  readonly versions?: { readonly supported: readonly string[]; readonly requested: string };
  readonly cause?: unknown;
}

/** The one error class of this package: what happened (`message`), `why`, and what to try (`hint`). */
export class DrawbridgeError extends Error {
  override readonly name = 'DrawbridgeError';
  readonly code: DrawbridgeErrorCode;
  readonly why: string | undefined;
  readonly hint: string;
  readonly status: number;
  readonly rpcCode: number;
  readonly exitCode: number;
  readonly mayHaveRun: boolean;
  readonly upstreamStatus: number | undefined;
  readonly retryAfterMs: number | undefined;
  readonly versions: DrawbridgeErrorDetails['versions'];

  constructor(code: DrawbridgeErrorCode, message: string, details: DrawbridgeErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    const row = TABLE[code];
    this.code = code;
    this.why = details.why;
    this.hint = details.hint ?? row.hint;
    this.status = details.status ?? row.status;
    this.rpcCode = row.rpcCode;
    this.exitCode = row.exitCode;
    this.mayHaveRun = details.mayHaveRun ?? false;
    this.upstreamStatus = details.upstreamStatus;
    this.retryAfterMs = details.retryAfterMs;
    this.versions = details.versions;
  }

  /** What happened and why in one sentence, for a chat window or a log line. */
  get sentence(): string {
    return this.why === undefined ? this.message : `${this.message}: ${this.why}`;
  }
}

/** Wraps whatever was thrown; a DrawbridgeError passes as it is. */
export function toDrawbridgeError(thrown: unknown, code: DrawbridgeErrorCode = 'internal'): DrawbridgeError {
  if (thrown instanceof DrawbridgeError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new DrawbridgeError(code, message, { cause: thrown });
}
