import { toDrawbridgeError } from '../../errors.ts';
import type { Transport } from '../../relay/transport.ts';
import type { WaitingCalls } from '../../translation/waiting-calls.ts';
import { CommandRun } from '../../upstream/command/command-run.ts';
import { CommandUpstream } from '../../upstream/command/command-upstream.ts';
import { findExecutable } from '../../upstream/command/find-executable.ts';
import { SharedCommand } from '../../upstream/command/shared-command.ts';
import { SharedSession } from '../../upstream/command/shared-session.ts';
import type { ResolvedGatewayOptions } from '../gateway-options.ts';
import type { RequestContext } from '../request-context.ts';
import type { ResolvedCommand } from './command-options.ts';
import { type CommandSlots, CommandStarts } from './command-starts.ts';
import { LegacyAnswers } from './legacy-answers.ts';
import type { McpServer } from './mcp-server.ts';
import type { Readiness } from './readiness.ts';

type Bounds = Pick<
  ResolvedGatewayOptions,
  | 'commandIdleMs'
  | 'commandStartTimeoutMs'
  | 'upstreamSendTimeoutMs'
  | 'maxMessageBytes'
  | 'maxSessions'
  | 'translateModern'
  | 'logger'
>;

/** An MCP server that the gateway starts itself: a process for each session, or for each principal. */
export class CommandServer implements McpServer {
  readonly name: string;
  readonly #command: ResolvedCommand;
  readonly #options: Bounds;
  readonly #slots: CommandSlots;
  readonly #starts = new CommandStarts();
  /** Of processes that have not ended. */
  readonly #running = new Set<CommandRun>();
  /** By principal, where its sessions share one. */
  readonly #shared = new Map<string, SharedCommand>();
  readonly #legacy: LegacyAnswers;

  constructor(name: string, command: ResolvedCommand, options: Bounds, slots: CommandSlots, waiting: WaitingCalls) {
    this.name = name;
    this.#command = command;
    this.#options = options;
    this.#slots = slots;
    this.#legacy = new LegacyAnswers(options, (context) => this.connect(context), waiting);
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
    const principalId = principal?.id ?? '';
    if (this.#command.scope === 'session') return this.#createUpstream(principalId);
    return new SharedSession(() => this.#share(principalId));
  }

  /** A command is taken to be of the legacy era, which is where servers over stdio are. */
  connectStateless(context: RequestContext): Transport {
    return this.#legacy.connect(context);
  }

  /** Settles when what is being ended has ended. */
  async close(): Promise<void> {
    await this.#legacy.close();
    await Promise.all([...this.#shared.values()].map((command) => command.retire()));
    await Promise.all([...this.#running].filter(({ isEnding }) => isEnding).map((child) => child.end()));
  }

  /** The one command of a principal; nobody else ever gets it. */
  #share(principalId: string): SharedCommand {
    const running = this.#shared.get(principalId);
    if (running !== undefined) return running;
    const command = new SharedCommand({
      transport: this.#createUpstream(principalId),
      logger: this.#options.logger,
      idleMs: this.#options.commandIdleMs,
      onOver: () => {
        if (this.#shared.get(principalId) === command) this.#shared.delete(principalId);
      },
    });
    this.#shared.set(principalId, command);
    return command;
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

  async #start(principalId: string): Promise<CommandRun> {
    this.#starts.check(principalId);
    const release = this.#slots.take();
    const { command, environment, principalEnvironment } = this.#command;
    const { logger } = this.#options;
    let child: CommandRun;
    try {
      child = await CommandRun.start({
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
