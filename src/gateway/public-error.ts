import { DrawbridgeError, type DrawbridgeErrorCode, toDrawbridgeError } from '../errors.ts';
import { errorReply } from '../message/message.ts';
import type { Interceptor } from '../relay/intercept.ts';

/** What a client is told in place of addresses, certificates and exceptions, which are for the operator's log. */
const SENTENCES: Partial<Record<DrawbridgeErrorCode, string>> = {
  config: 'the gateway is not set up rightly',
  upstream_unreachable: 'the MCP server behind this gateway cannot be reached',
  upstream_lost: 'the connection to the MCP server behind this gateway was lost',
  upstream_timeout: 'the MCP server behind this gateway did not answer in time',
  upstream_refused: 'the MCP server behind this gateway refused the gateway',
  upstream_error: 'the MCP server behind this gateway answered with an error',
  upstream_invalid: 'the MCP server behind this gateway answered with something else than MCP',
  upstream_redirect: 'the MCP server behind this gateway answered with a redirect',
  upstream_untrusted: 'the MCP server behind this gateway is not trusted',
  loop_detected: 'the MCP server that this gateway is set up for leads back to a gateway',
  internal: 'something went wrong in the gateway',
};

const FORGOTTEN = new DrawbridgeError('session_lost', 'the MCP server behind this gateway has ended this session');

/** What a session that cannot be opened fails with: that its server is not at this path is no fault of the client. */
export function openingFailure(thrown: unknown): DrawbridgeError {
  const error = toDrawbridgeError(thrown);
  if (error.code !== 'session_lost' || error.upstreamStatus === undefined) return error;
  const { message, why, upstreamStatus, hint } = error;
  return new DrawbridgeError('upstream_error', message, {
    ...(why === undefined ? {} : { why }),
    upstreamStatus,
    hint,
    cause: error,
  });
}

/** The error as a client may see it: its code and status, without what it tells of the inside. */
export function withoutInternals(error: DrawbridgeError): DrawbridgeError {
  if (error.code === 'session_lost' && error.upstreamStatus !== undefined) return FORGOTTEN;
  const sentence = SENTENCES[error.code];
  if (sentence === undefined) return error;
  return new DrawbridgeError(error.code, sentence, {
    status: error.status,
    hint: 'Ask the operator of this gateway; its log says more.',
    mayHaveRun: error.mayHaveRun,
  });
}

/** Before a downstream: what the relay itself answers a client with, as a client may see it. */
export function hideInternals(): Interceptor {
  return {
    up: (message) =>
      message.failure === undefined ? message : errorReply(message.id, withoutInternals(message.failure)),
  };
}
