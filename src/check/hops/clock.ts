import type { Finding } from '../finding.ts';
import type { Walk } from '../walk-state.ts';
import type { WatchedExchange } from '../watched-exchange.ts';

/** Tokens are commonly taken for a minute past their time. */
const SKEW_MS = 60_000;
/** A Date has whole seconds, a server may take one to renew it, and it is a while on its way: less is not known. */
const UNKNOWN_S = 3;

/** The server's clock by its Date header (RFC 9110 §6.6.1) beside ours; not said where it sends none. */
export function* lookAtClock(walk: Walk, exchange: WatchedExchange): Generator<Finding> {
  const date = Date.parse(exchange.header('date') ?? '');
  if (Number.isNaN(date)) return;
  const skewMs = date - walk.now();
  const seconds = Math.abs(Math.round(skewMs / 1000));
  if (Math.abs(skewMs) <= SKEW_MS) {
    yield walk.finding('clock', 'ok', seconds <= UNKNOWN_S ? 'both clocks agree' : `the clocks are ${seconds} s apart`);
    return;
  }
  const where = skewMs > 0 ? 'ahead of' : 'behind';
  yield walk.finding('clock', 'warn', `the server's clock is ${seconds} s ${where} that of this machine`, {
    remedy: 'Set both by NTP: tokens and certificates are judged by the clock.',
    curl: 'date -u',
  });
}
