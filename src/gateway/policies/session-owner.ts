import { DrawbridgeError } from '../../errors.ts';
import type { Policy } from '../refusal.ts';
import type { RequestContext } from '../request-context.ts';
import type { SessionTable } from '../sessions/session-table.ts';

/** One answer for an unknown session and for somebody else's, so that nobody learns which ids exist. */
const UNKNOWN = { error: new DrawbridgeError('session_unknown', 'no such session') } as const;
const MISSING = {
  error: new DrawbridgeError('invalid_request', 'the session is not named', { hint: 'Initialize first.' }),
} as const;

/** Visible ASCII, as MCP 2025-11-25 has it, without the comma that joins two; ours are far shorter. */
const SESSION_ID = /^[\x21-\x2b\x2d-\x7e]{1,256}$/;
const MALFORMED = { error: new DrawbridgeError('bad_request', 'the session id is malformed') } as const;

/** Finds the session that a request names, if it belongs to the request's principal. A modern request is of none. */
export function findSession(table: SessionTable): Policy {
  return (context) => {
    if (context.route === 'sse-stream' || context.era === 'modern') return undefined;
    const id = context.route === 'sse-message' ? queryValue(context.query, 'session') : sessionHeader(context);
    if (id === undefined || id === '') {
      const { route, message } = context;
      const isOpening = route === 'mcp' && message?.kind === 'request' && message.method === 'initialize';
      return isOpening ? undefined : MISSING;
    }
    if (!SESSION_ID.test(id)) return MALFORMED;
    const { principal, server } = context;
    const session = principal && server && table.find(id, principal.id, server.name);
    if (principal === undefined || session === undefined) return UNKNOWN;
    // The newest proof counts: a token that was renewed keeps the stream of the one before.
    session.principal = principal;
    session.address = context.address;
    session.generation = context.generation;
    session.usedAt = performance.now();
    session.pulse.noteLife();
    context.session = session;
    return undefined;
  };
}

function sessionHeader({ req }: RequestContext): string | undefined {
  const value = req.headers['mcp-session-id'];
  return typeof value === 'string' ? value : undefined;
}

function queryValue(query: string, name: string): string | undefined {
  // The common form is taken apart by hand: it comes with every message.
  if (query.startsWith(`${name}=`) && !query.includes('&') && !query.includes('%')) return query.slice(name.length + 1);
  return new URLSearchParams(query).get(name) ?? undefined;
}
