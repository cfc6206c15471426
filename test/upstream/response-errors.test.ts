import { afterEach, describe, expect, it, vi } from 'vitest';
import type { DrawbridgeError } from '../../src/errors.ts';
import { errorFor, errorFromResponse } from '../../src/upstream/response-errors.ts';

function read(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): DrawbridgeError {
  return errorFromResponse('mcp.example', { status, headers: new Map(Object.entries(headers)) }, body, true);
}

afterEach(() => void vi.useRealTimers());

describe('what a response means', () => {
  it.each([
    [404, ''],
    [410, ''],
    [400, 'Bad Request: No valid session ID provided'],
  ])('HTTP %i %j: the session is lost, and the message did not run', (status, body) => {
    const error = read(status, {}, body);
    expect(error).toMatchObject({ code: 'session_lost', upstreamStatus: status, mayHaveRun: false });
    expect(error.hint).toMatch(/path of the URL/);
  });

  it.each([
    [401, {}, '', 'upstream_refused', 'refused the supplied credential', /--header "Authorization/],
    [403, {}, '', 'upstream_refused', 'refused the supplied credential', /--header/],
    [407, {}, '', 'upstream_refused', 'is reached through a proxy that wants a credential', /HTTP_PROXY/],
    [421, {}, '', 'upstream_error', 'does not accept this Host header', /--upstream-host/],
    [400, {}, 'Client sent an HTTP request to an HTTPS server.', 'upstream_error', 'wants TLS', /https:\/\//],
    [400, {}, 'The plain HTTP request was sent to HTTPS port', 'upstream_error', 'wants TLS', /https:\/\//],
    [
      400,
      { 'content-type': 'text/html' },
      '<html>No required SSL certificate was sent</html>',
      'upstream_refused',
      'wants another client certificate, or one at all',
      /--client-cert/,
    ],
    [400, {}, 'bad', 'upstream_error', 'answered with an error', /log/],
    [500, {}, '', 'upstream_error', 'answered with an error', /log/],
    [200, { 'content-type': 'text/html' }, '', 'upstream_invalid', 'did not answer as an MCP server', /URL/],
  ])('HTTP %i %j %j is %s', (status, headers, body, code, message, hint) => {
    const error = read(status, headers as Readonly<Record<string, string>>, body);
    expect(error).toMatchObject({ code, message: `mcp.example ${message}`, upstreamStatus: status, mayHaveRun: true });
    expect(error.hint).toMatch(hint);
  });
});

describe('a redirect', () => {
  it('names where it leads', () => {
    expect(read(302, { location: 'https://other.example/' })).toMatchObject({
      code: 'upstream_redirect',
      message: 'mcp.example redirects to https://other.example/',
      mayHaveRun: false,
    });
    expect(read(302).message).toBe('mcp.example redirects to nowhere');
    expect(read(302, { location: `/${'x'.repeat(5000)}` }).message.length).toBeLessThan(300);
  });

  it('from https to http of one host says which URL to try', () => {
    const { hint } = read(307, { location: 'http://mcp.example/mcp/?a=b' });
    expect(hint).toBe(
      'The server takes itself for one of http, as servers behind a proxy do. Try https://mcp.example/mcp/ as the URL.',
    );
    expect(read(307, { location: 'https://mcp.example/mcp/' }).hint).not.toBe(hint);
  });
});

describe('Retry-After', () => {
  it.each([
    [429, 'takes no more requests for now'],
    [503, 'answered with an error'],
  ])('of HTTP %i is told, in seconds or as a date, up to an hour', (status, what) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-01-01T00:00:00Z') });
    for (const [value, ms] of [
      ['30', 30_000],
      ['0', 0],
      ['Thu, 01 Jan 2026 00:00:05 GMT', 5000],
      ['Wed, 31 Dec 2025 23:00:00 GMT', 0],
      ['999999999', 3_600_000],
      ['Fri, 01 Jan 2027 00:00:00 GMT', 3_600_000],
    ] as const) {
      const error = read(status, { 'retry-after': value }, 'busy');
      expect(error).toMatchObject({ code: 'upstream_error', retryAfterMs: ms, why: `HTTP ${status}: busy` });
      expect(error.sentence).toBe(
        `mcp.example ${what}, and asks to be left alone for ${ms / 1000} s: HTTP ${status}: busy`,
      );
      expect(errorFor(error, false)).toMatchObject({ retryAfterMs: ms, mayHaveRun: false, hint: error.hint });
    }
  });

  it.each(['', 'soon', '-5', '1.5e', '30 s'])('of %j says nothing', (value) => {
    const error = read(503, { 'retry-after': value });
    expect(error.retryAfterMs).toBeUndefined();
    expect(error.message).toBe('mcp.example answered with an error');
  });
});
