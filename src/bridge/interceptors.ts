import type { Logger } from '../log.ts';
import { intercept } from '../relay/intercept.ts';
import type { Transport } from '../relay/transport.ts';
import { createToolFilter } from '../tools/tool-filter.ts';
import { matchToolNames } from '../tools/tool-names.ts';
import type { BridgeOptions } from './bridge-options.ts';
import { createProgressHeartbeat } from './progress-heartbeat.ts';
import { createRequestTimeout } from './request-timeout.ts';
import { createTrace } from './trace.ts';

/**
 * The upstream with what the options put before it, and nothing where they put nothing. The heartbeat stands nearest to
 * the client, so that no beat of ours passes for the server's own progress.
 */
export function withInterceptors(upstream: Transport, options: BridgeOptions, logger: Logger): Transport {
  const { trace = false, ignoreTools = [], allowTools, requestTimeoutMs = 0, progressHeartbeatMs = 0 } = options;
  let outer = upstream;
  if (trace) outer = intercept(outer, createTrace(logger));
  if (ignoreTools.length > 0 || allowTools !== undefined) {
    const names = { ignore: ignoreTools, ...(allowTools === undefined ? {} : { allow: allowTools }) };
    outer = intercept(outer, createToolFilter(matchToolNames(names)));
  }
  if (requestTimeoutMs > 0) outer = intercept(outer, createRequestTimeout(requestTimeoutMs));
  if (progressHeartbeatMs > 0) outer = intercept(outer, createProgressHeartbeat(progressHeartbeatMs));
  return outer;
}
