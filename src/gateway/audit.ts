import { createHash } from 'node:crypto';
import type { DrawbridgeError } from '../errors.ts';
import { type Logger, silentLogger } from '../log.ts';
import { operatorHint } from './operator-hint.ts';
import type { RequestContext } from './request-context.ts';
import type { Session } from './sessions/session-table.ts';

/** Refusals told one by one in a second; an attacker could else fill the disk. What is left out is counted. */
const MAX_DENIALS_PER_SECOND = 20;
const WINDOW_MS = 1000;
const MAX_VALUE_CHARS = 100;

/** Methods that use a tool, or open a session or a stream. */
const NOTABLE = new Set(['tools/call', 'initialize', 'subscriptions/listen']);

/** What a reader of lines could take for the end of a value, and what a terminal could take for an order. */
const UNSAFE = /[\s"'\\=\p{C}]/gu;

/** The operator's record of who was let in to do what, and who was not: one record a request, none for /health. */
export class Audit {
  readonly #logger: Logger;
  readonly #hashes = new WeakMap<Session, string>();
  #windowSince = 0;
  #denials = 0;
  #summary: NodeJS.Timeout | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * A request that was let in, once it has been served or handed on. At `info` what uses a tool or opens a session or stream, so
   * that a busy gateway writes one line a call; the rest at `debug`.
   */
  allow(context: RequestContext): void {
    if (this.#logger === silentLogger) return;
    const { res, route, message } = context;
    const outcome = res.headersSent ? res.statusCode : 'forwarded';
    const isNotable = route === 'sse-stream' || NOTABLE.has(message?.method ?? '');
    const record = this.#record('allow', context, outcome);
    if (isNotable) this.#logger.info(record, 'allowed');
    else this.#logger.debug(record, 'allowed');
  }

  /** A request that was refused, or failed: at `info`, our own and the upstream's failures at `warn`. */
  deny(context: RequestContext, error: DrawbridgeError): void {
    if (this.#logger === silentLogger) return;
    const now = performance.now();
    if (now - this.#windowSince >= WINDOW_MS) {
      this.#summarize();
      this.#windowSince = now;
    }
    if (++this.#denials > MAX_DENIALS_PER_SECOND) {
      this.#summary ??= setTimeout(() => this.#summarize(), WINDOW_MS).unref();
      return;
    }
    const record = { ...this.#record('deny', context, error.code), status: error.status };
    if (error.code.startsWith('upstream_')) this.#logger.warn({ ...record, try: operatorHint(error) }, error.sentence);
    else if (error.status >= 500) this.#logger.warn(record, error.sentence);
    else this.#logger.info(record, error.sentence);
  }

  /** Tells what was left out until now. Idempotent. */
  close(): void {
    this.#summarize();
  }

  #summarize(): void {
    clearTimeout(this.#summary);
    this.#summary = undefined;
    const leftOut = this.#denials - MAX_DENIALS_PER_SECOND;
    this.#denials = 0;
    if (leftOut > 0) this.#logger.warn({ event: 'deny', count: leftOut }, `${leftOut} more refusals were not written`);
  }

  #record(event: 'allow' | 'deny', context: RequestContext, outcome: string | number): Record<string, unknown> {
    const { req, address, principal, message, session, startedAt } = context;
    return {
      event,
      address,
      principal: printable(principal?.id),
      http: printable(req.method),
      method: printable(message?.method),
      tool: printable(context.tool ?? toolOf(context)),
      session: session === undefined ? undefined : this.#hashOf(session),
      outcome,
      ms: Math.round((performance.now() - startedAt) * 10) / 10,
    };
  }

  /** Enough to tell sessions apart, and not to take one over. */
  #hashOf(session: Session): string {
    const known = this.#hashes.get(session);
    if (known !== undefined) return known;
    const hash = createHash('sha256').update(session.id).digest('hex').slice(0, 12);
    this.#hashes.set(session, hash);
    return hash;
  }
}

/** Until a policy has said which tool a call is for. */
function toolOf({ message }: RequestContext): string | undefined {
  if (message?.method !== 'tools/call') return undefined;
  const { params } = JSON.parse(message.bytes.toString()) as { params?: { name?: unknown } };
  return typeof params?.name === 'string' ? params.name : undefined;
}

/** A peer's value as one short word, whatever it holds. */
function printable(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const clipped = value.length > MAX_VALUE_CHARS ? `${value.slice(0, MAX_VALUE_CHARS)}…` : value;
  return clipped.replace(UNSAFE, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}
