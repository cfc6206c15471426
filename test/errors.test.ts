import { describe, expect, it } from 'vitest';
import { DrawbridgeError, ERROR_CODES, toDrawbridgeError } from '../src/errors.ts';

/** HTTP status, JSON-RPC code and exit code of every reason: callers and operators build on these. */
const PINNED: Record<string, readonly [number, number, number]> = {
  usage: [500, -32603, 2],
  config: [500, -32603, 2],
  listen_failed: [500, -32603, 2],
  demo_unavailable: [500, -32603, 2],
  upstream_unreachable: [502, -32603, 3],
  upstream_lost: [502, -32603, 3],
  upstream_timeout: [504, -32603, 3],
  upstream_refused: [502, -32603, 4],
  upstream_error: [502, -32603, 3],
  upstream_invalid: [502, -32603, 3],
  upstream_redirect: [502, -32603, 3],
  session_lost: [404, -32603, 3],
  session_unknown: [404, -32600, 1],
  not_found: [404, -32600, 1],
  unauthorized: [401, -32600, 4],
  insufficient_scope: [403, -32600, 4],
  issuer_unreachable: [503, -32603, 3],
  forbidden_address: [403, -32600, 4],
  forbidden_host: [403, -32600, 1],
  forbidden_origin: [403, -32600, 1],
  rate_limited: [429, -32603, 1],
  too_many_sessions: [429, -32603, 1],
  too_many_pending: [429, -32603, 1],
  method_not_allowed: [405, -32600, 1],
  not_acceptable: [406, -32600, 1],
  unsupported_media_type: [415, -32600, 1],
  body_too_large: [413, -32600, 1],
  body_timeout: [408, -32600, 1],
  body_consumed: [500, -32603, 1],
  bad_request: [400, -32600, 1],
  parse_error: [400, -32700, 1],
  invalid_request: [400, -32600, 1],
  method_not_found: [404, -32601, 1],
  invalid_params: [400, -32602, 1],
  header_mismatch: [400, -32020, 1],
  version_unsupported: [400, -32022, 1],
  duplicate_id: [400, -32600, 1],
  cancelled: [400, -32603, 1],
  upstream_untrusted: [502, -32603, 3],
  tool_not_available: [403, -32603, 1],
  request_timeout: [504, -32603, 3],
  certificate_failed: [500, -32603, 2],
  loop_detected: [508, -32603, 2],
  shutting_down: [503, -32603, 0],
  internal: [500, -32603, 1],
};

describe('the table of errors', () => {
  it('has exactly these reasons, each with its status, JSON-RPC code and exit code', () => {
    const table = ERROR_CODES.map((code) => {
      const { status, rpcCode, exitCode } = new DrawbridgeError(code, 'x');
      return [code, [status, rpcCode, exitCode]];
    });
    expect(Object.fromEntries(table)).toEqual(PINNED);
  });

  it('uses no JSON-RPC code of the ranges that specifications reserve, but where 2026-07-28 itself wants its own', () => {
    const reserved = ERROR_CODES.filter((code) => {
      const { rpcCode } = new DrawbridgeError(code, 'x');
      if (rpcCode >= -32099 && rpcCode <= -32000) return true;
      expect([-32603, -32602, -32601, -32600, -32700]).toContain(rpcCode);
      return false;
    });
    expect(reserved).toEqual(['header_mismatch', 'version_unsupported']);
  });

  it('tells for each reason what to try, in one line', () => {
    for (const code of ERROR_CODES) expect(new DrawbridgeError(code, 'x').hint).toMatch(/^\S[^\n]{5,100}$/);
  });
});

describe('a DrawbridgeError', () => {
  it('says what happened and why in one sentence', () => {
    const error = new DrawbridgeError('upstream_lost', 'the server went away', { why: 'ECONNRESET' });
    expect(error.sentence).toBe('the server went away: ECONNRESET');
    expect(new DrawbridgeError('upstream_lost', 'the server went away').sentence).toBe('the server went away');
  });

  it('takes details in place of what the table says', () => {
    const cause = new Error('inner');
    const details = { status: 418, hint: 'Try tea.', mayHaveRun: true, upstreamStatus: 503, cause };
    expect(new DrawbridgeError('upstream_error', 'x', details)).toMatchObject({
      name: 'DrawbridgeError',
      code: 'upstream_error',
      status: 418,
      rpcCode: -32603,
      exitCode: 3,
      hint: 'Try tea.',
      mayHaveRun: true,
      upstreamStatus: 503,
      cause,
    });
  });

  it('claims that nothing ran unless it is told otherwise', () => {
    const error = new DrawbridgeError('internal', 'x');
    expect(error).toMatchObject({ mayHaveRun: false, why: undefined, upstreamStatus: undefined });
    expect('cause' in error).toBe(false);
  });
});

describe('whatever was thrown', () => {
  it('passes as it is when it is one of ours', () => {
    const error = new DrawbridgeError('config', 'x');
    expect(toDrawbridgeError(error, 'upstream_lost')).toBe(error);
  });

  it('is wrapped with its message and kept as the cause', () => {
    const thrown = new TypeError('no such thing');
    expect(toDrawbridgeError(thrown)).toMatchObject({ code: 'internal', message: 'no such thing', cause: thrown });
    expect(toDrawbridgeError('text', 'upstream_error')).toMatchObject({ code: 'upstream_error', message: 'text' });
    expect(toDrawbridgeError(undefined)).toMatchObject({ code: 'internal', message: 'undefined' });
  });
});
