import type { Gateway } from '../gateway/gateway.ts';
import type { Listener } from '../gateway/listener/listener.ts';
import type { Logger } from '../log.ts';

/** Within the 10 s that Docker gives a container before it is killed. */
const DRAIN_MS = 8000;
/** After the bound: sessions upstream end, and the last answers reach clients that read them. */
const LAST_WORDS_MS = 1500;

export interface StopOptions {
  /** How long all is still served, with `/ready` at 503 alone: as long as a balancer takes to notice. */
  readonly delayMs?: number | undefined;
  /** How long open requests may take. */
  readonly timeoutMs?: number | undefined;
  readonly gateway: Gateway;
  readonly listener: Listener;
  readonly logger: Logger;
  /** What else is to be ended, last. */
  readonly stops: readonly (() => void | Promise<void>)[];
}

/**
 * Stops the gateway in good order on SIGTERM, SIGINT and, on Windows, which has no SIGTERM, Ctrl-Break; the process ends
 * with 0. A second signal ends it at once.
 * The returned function says whether that has begun.
 */
export function stopOnSignals(options: StopOptions): () => boolean {
  let isStopping = false;
  for (const [signal, number] of [
    ['SIGINT', 2],
    ['SIGTERM', 15],
    ['SIGBREAK', 21],
  ] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(128 + number);
      isStopping = true;
      void stop(signal, options);
    });
  }
  return () => isStopping;
}

async function stop(signal: string, options: StopOptions): Promise<void> {
  const { delayMs = 0, timeoutMs = DRAIN_MS, gateway, listener, logger, stops } = options;
  logger.info(`${signal}: stopping, with ${gateway.sessionCount} sessions open`);
  // Whatever hangs, such as a client that does not read: the operator was promised an end.
  setTimeout(
    () => {
      logger.warn('stopped before everything had ended');
      process.exit(0);
    },
    delayMs + timeoutMs + LAST_WORDS_MS,
  ).unref();
  try {
    gateway.announceStop();
    if (delayMs > 0) await new Promise((fulfil) => setTimeout(fulfil, delayMs));
    const drained = gateway.drain({ timeoutMs });
    await Promise.all([listener.close(drained), drained]);
    await Promise.all(stops.map((end) => end()));
    logger.info('stopped');
  } catch (thrown) {
    logger.error(`could not stop in good order: ${String(thrown)}`);
  }
  process.exit(0);
}
