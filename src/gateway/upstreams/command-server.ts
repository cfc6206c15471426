import { toDrawbridgeError } from '../../errors.ts';
import type { Transport } from '../../relay/transport.ts';
import { CommandProcess } from '../../upstream/command/command-process.ts';
import { CommandUpstream } from '../../upstream/command/command-upstream.ts';
import { findExecutable } from '../../upstream/command/find-executable.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { Readiness } from '../readiness.ts';
import type { RequestContext } from '../request-context.ts';
import type { ResolvedCommand } from './command-options.ts';
import { type CommandSlots, CommandStarts } from './command-starts.ts';
import { LegacyAnswers } from './legacy-answers.ts';
import type { McpServer } from './mcp-server.ts';

type Bounds = Pick<
  ResolvedGatewayOptions,
  'commandStartTimeoutMs' | 'upstreamSendTimeoutMs' | 'maxMessageBytes' | 'maxSessions' | 'translateModern' | 'logger'
>;

/** An MCP server that the gateway starts itself: a process for each session, or for each principal. */
export class CommandServer implements McpServer {
  readonly name: string;
  readonly #command: ResolvedCommand;
  readonly #options: Bounds;
  readonly #slots: CommandSlots;
  readonly #starts = new CommandStarts();
  /** Of processes that have not ended. */
  readonly #running = new Set<CommandProcess>();
  readonly #legacy: LegacyAnswers;

  constructor(name: string, command: ResolvedCommand, options: Bounds, slots: CommandSlots) {
    this.name = name;
    this.#command = command;
    this.#options = options;
    this.#slots = slots;
    this.#legacy = new LegacyAnswers(options, (context) => this.connect(context));
  }

  /** It is never started to find out: whether it can be found, and how its last start went. */
  isReady(): Promise<Readiness> {
    const { command, environment } = this.#command;
    const failure = this.#starts.lastFailure;
    if (findExecutable(command[0], environment) === undefined)
      return Promise.resolve({ isReady: false, why: `the command ${command[0]} was not found` });
    return Promise.resolve(failure === undefined ? { isReady: true } : { isReady: false, why: failure.sentence });
  }

  connect({ principal }: RequestContext): Transport {
    return this.#createUpstream(principal?.id ?? '');
  }

  /** A command is taken to be of the legacy era, which is where servers over stdio are. */
  connectStateless(context: RequestContext): Transport {
    return this.#legacy.connect(context);
  }

  /** Settles when what is being ended has ended. */
  async close(): Promise<void> {
    await this.#legacy.close();
    await Promise.all([...this.#running].filter(({ isEnding }) => isEnding).map((child) => child.end()));
  }

  #createUpstream(principalId: string): Transport {
    const { logger, commandStartTimeoutMs, upstreamSendTimeoutMs, maxMessageBytes } = this.#options;
    return new CommandUpstream({
      start: () => this.#start(principalId),
      logger,
      startTimeoutMs: commandStartTimeoutMs,
      sendTimeoutMs: upstreamSendTimeoutMs,
      maxMessageBytes,
      onSpoken: () => this.#starts.noteSuccess(principalId),
      onSilentEnd: (error) => this.#starts.noteFailure(principalId, error),
    });
  }

  async #start(principalId: string): Promise<CommandProcess> {
    this.#starts.check(principalId);
    const release = this.#slots.take();
    const { command, environment, principalEnvironment } = this.#command;
    const { logger } = this.#options;
    let child: CommandProcess;
    try {
      child = await CommandProcess.start({
        command,
        environment: { ...environment, ...principalEnvironment.get(principalId) },
        logger,
        name: this.name,
      });
    } catch (thrown) {
      release();
      const error = toDrawbridgeError(thrown);
      this.#starts.noteFailure(principalId, error);
      throw error;
    }
    this.#running.add(child);
    logger.info({ ...child.fields, principal: principalId, running: this.#slots.taken }, 'command started');
    child.ended.then(async (error) => {
      await child.end();
      this.#running.delete(child);
      release();
      logger.info({ ...child.fields, principal: principalId, why: error.why }, 'command ended');
    });
    return child;
  }
}
