import { DrawbridgeError } from '../../errors.ts';
import type { Logger } from '../../log.ts';
import { readMessages } from '../../message/batch.ts';
import { encodeLineParts } from '../../message/encode.ts';
import { cancelledKeyOf, findField } from '../../message/fields.ts';
import { LineDecoder } from '../../message/line-decoder.ts';
import type { Message } from '../../message/message.ts';
import type { Transport, TransportEvents } from '../../relay/transport.ts';
import type { CommandRun } from './command-run.ts';
import { LineLog } from './line-log.ts';
import { OpenRequests } from './open-requests.ts';

export interface CommandUpstreamOptions {
  /** Starts the command; rejects with a DrawbridgeError when it cannot be started. */
  readonly start: () => Promise<CommandRun>;
  readonly logger: Logger;
  /** How long it may take from the first request to the first message of the server, installing itself included. */
  readonly startTimeoutMs: number;
  /** How long it may leave a message unread in its stdin. */
  readonly sendTimeoutMs: number;
  /** One message from the server, and what may wait to be read by it. */
  readonly maxMessageBytes: number;
  /** Told once: the server has said its first message. */
  readonly onSpoken?: () => void;
  /** Told once: it ran, and has ended by itself, or did not answer in time, before it had said anything. */
  readonly onSilentEnd?: (error: DrawbridgeError) => void;
}

/** An output or input that was closed is that of a program that is just ending, mostly. */
const EXIT_MS = 200;

interface Waiting {
  readonly fulfil: () => void;
  readonly reject: (error: DrawbridgeError) => void;
}

/**
 * MCP's stdio transport, as its client: a process of its own, one message a line on its stdin and stdout. What it
 * prints and is no message goes to the log. Ends when the process does, or closes its stdout.
 */
export class CommandUpstream implements Transport {
  readonly #options: CommandUpstreamOptions;
  readonly #requests = new OpenRequests();
  #child: CommandRun | undefined;
  #starting: Promise<CommandRun> | undefined;
  #events: TransportEvents | undefined;
  #garbage: LineLog | undefined;
  /** Sent before the process was there. */
  #early: (() => void)[] = [];
  /** Sent, and not taken out of our buffer yet. */
  #undrained: Waiting[] = [];
  #sendDeadline: NodeJS.Timeout | undefined;
  #startDeadline: NodeJS.Timeout | undefined;
  #hasSpoken = false;
  #isPaused = false;
  #over: DrawbridgeError | undefined;
  heardAt = 0;

  constructor(options: CommandUpstreamOptions) {
    this.#options = options;
  }

  async start(events: TransportEvents): Promise<void> {
    this.#events = events;
    this.#starting = this.#options.start();
    let child: CommandRun;
    try {
      child = await this.#starting;
    } catch (thrown) {
      this.#end(thrown as DrawbridgeError);
      throw thrown;
    }
    if (this.#over !== undefined) throw this.#over;
    this.#adopt(child);
  }

  send(message: Message): void | Promise<void> {
    if (this.#over !== undefined) return Promise.reject(this.#over);
    if (this.#child !== undefined) return this.#write(this.#child, message);
    return new Promise((fulfil, reject) => {
      this.#early.push(() => {
        try {
          if (this.#over !== undefined) throw this.#over;
          Promise.resolve(this.#write(this.#child!, message)).then(fulfil, reject);
        } catch (thrown) {
          reject(thrown as DrawbridgeError);
        }
      });
    });
  }

  pause(): void {
    this.#isPaused = true;
    this.#child?.stdout.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#child?.stdout.resume();
  }

  /** Settles when nothing of the command runs any more; see `CommandRun.end` for how long that takes. */
  async close(): Promise<void> {
    this.#events = undefined;
    this.#end(new DrawbridgeError('upstream_lost', 'the command was ended with its session'));
    const child = this.#child ?? (await this.#starting?.catch(() => undefined));
    await child?.end();
  }

  #adopt(child: CommandRun): void {
    const { logger, maxMessageBytes } = this.#options;
    this.#child = child;
    this.#garbage = new LineLog({
      log: (fields, message) => logger.warn(fields, message),
      fields: child.fields,
      what: 'no message, on stdout',
      secrets: child.secrets,
    });
    const decoder = new LineDecoder(
      {
        line: (line) => this.#receive(line),
        tooLong: (limit) =>
          this.#end(new DrawbridgeError('upstream_invalid', `the command sent a message of more than ${limit} bytes`)),
      },
      maxMessageBytes,
    );
    child.stdout.on('data', (chunk: Buffer) => {
      this.heardAt = performance.now();
      decoder.push(chunk);
    });
    child.stdout.on('end', () => this.#endUnlessExit(child, 'closed its output'));
    child.stdin.on('error', () => this.#endUnlessExit(child, 'closed its input'));
    child.stdin.on('drain', () => this.#drained());
    if (this.#isPaused) child.stdout.pause();
    child.ended.then((error) => {
      decoder.end();
      this.#end(error);
    });
    for (const send of this.#early.splice(0)) send();
  }

  #write({ stdin }: CommandRun, message: Message): void | Promise<void> {
    const { maxMessageBytes, sendTimeoutMs, startTimeoutMs } = this.#options;
    if (stdin.writableLength > maxMessageBytes) {
      throw new DrawbridgeError('too_many_pending', 'the command does not read what it is sent');
    }
    if (message.kind === 'request') {
      this.#requests.add(message);
      if (!this.#hasSpoken) {
        this.#startDeadline ??= setTimeout(
          () => this.#end(timeout(`the command did not answer within ${startTimeoutMs} ms of its start`)),
          startTimeoutMs,
        );
      }
    } else if (message.method === 'notifications/cancelled') this.#requests.settle(cancelledKeyOf(message));
    let isTaken = true;
    stdin.cork();
    for (const part of encodeLineParts(message)) isTaken = stdin.write(part);
    stdin.uncork();
    if (isTaken) return;
    this.#sendDeadline ??= setTimeout(
      () => this.#end(timeout(`the command has not read what it was sent for ${sendTimeoutMs} ms`)),
      sendTimeoutMs,
    );
    return new Promise((fulfil, reject) => this.#undrained.push({ fulfil, reject }));
  }

  #drained(): void {
    clearTimeout(this.#sendDeadline);
    this.#sendDeadline = undefined;
    for (const { fulfil } of this.#undrained.splice(0)) fulfil();
  }

  #receive(line: Buffer): void {
    if (this.#over !== undefined) return;
    const messages = readMessages(line);
    if (typeof messages === 'string' || messages.length === 0 || !messages.every(isMessage)) {
      this.#garbage?.add(line);
      return;
    }
    this.#noteSpoken();
    for (const message of messages) {
      const owner = message.kind === 'response' ? undefined : this.#requests.ownerOf(message);
      if (message.kind === 'response') this.#requests.settle(message.key);
      this.#events?.message(message, owner === undefined ? undefined : { relatedTo: owner });
    }
  }

  #noteSpoken(): void {
    if (this.#hasSpoken) return;
    this.#hasSpoken = true;
    clearTimeout(this.#startDeadline);
    this.#options.onSpoken?.();
  }

  /** Its end tells more than a closed pipe, where it comes. */
  #endUnlessExit(child: CommandRun, what: string): void {
    const timer = setTimeout(() => {
      this.#end(new DrawbridgeError('upstream_lost', `the command ${what}, and goes on`));
    }, EXIT_MS);
    child.ended.then(() => clearTimeout(timer));
  }

  #end(error: DrawbridgeError): void {
    if (this.#over !== undefined) return;
    this.#over = error;
    clearTimeout(this.#sendDeadline);
    clearTimeout(this.#startDeadline);
    this.#garbage?.end();
    const events = this.#events;
    this.#events = undefined;
    if (!this.#hasSpoken && this.#child !== undefined && events !== undefined) this.#options.onSilentEnd?.(error);
    events?.end(error);
    const { code, message, why, hint } = error;
    const perhaps = new DrawbridgeError(code, message, {
      ...(why === undefined ? {} : { why }),
      hint,
      mayHaveRun: true,
    });
    for (const { reject } of this.#undrained.splice(0)) reject(perhaps);
    for (const send of this.#early.splice(0)) send();
    void this.#child?.end();
  }
}

/**
 * Whether it is JSON-RPC: programs print JSON of their own too, such as the lines of a log. An answer with an id need not
 * be looked at, since one that answers nothing is dropped.
 */
function isMessage(message: Message): boolean {
  const { kind, id, bytes } = message;
  if (kind === 'invalid' || kind === 'batch') return false;
  if (kind === 'response' && id !== undefined && id !== 'null') return true;
  const version = findField(message, ['jsonrpc']);
  return version !== undefined && bytes.toString('latin1', version.start, version.end) === '"2.0"';
}

function timeout(message: string): DrawbridgeError {
  return new DrawbridgeError('upstream_timeout', message);
}
