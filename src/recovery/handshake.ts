import { DrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Message } from '../message/message.ts';
import type { Connection } from './connection.ts';
import { compareLists } from './list-comparison.ts';
import { INITIALIZED, isResult, memberOf, ownRequest, type SessionMemory } from './session-memory.ts';

/** How long a server may take for an answer that we ask for ourselves. */
export const HANDSHAKE_TIMEOUT_MS = 60_000;
/** The lists that a client asks for at the start, by the capability that promises them. */
const FIRST_LISTS = { tools: 'tools/list', prompts: 'prompts/list', resources: 'resources/list' };

/** Ids of our own requests, as JSON text, which no client uses: they begin with a random word. */
export class OwnIds {
  readonly #prefix = `mcp-drawbridge-${Math.random().toString(36).slice(2, 10)}`;
  #count = 0;

  next = (): string => `"${this.#prefix}-${++this.#count}"`;
}

export interface HandshakeOptions {
  readonly connection: Connection;
  readonly memory: SessionMemory;
  readonly ids: OwnIds;
  readonly where: string;
  readonly logger: Logger;
}

/**
 * Makes a new connection the session that the client knows: replays its `initialize`, whose answer it does not see,
 * and confirms it. Where the server has that message already, only its answer is waited for. Gives the server's answer; rejects when the server does not agree.
 */
export async function resumeSession(options: HandshakeOptions): Promise<Message> {
  const { connection, memory, where } = options;
  const answer = await (connection.lateAnswer ?? connection.ask(memory.initialize!, HANDSHAKE_TIMEOUT_MS));
  if (!isResult(answer)) {
    throw new DrawbridgeError('upstream_error', `${where} refused the handshake that would resume the session`, {
      why: answer.bytes.toString('utf8', 0, 300),
    });
  }
  await connection.transport.send(INITIALIZED);
  connection.isReady = true;
  connection.isOurHandshake = true;
  return answer;
}

/** Sets what the client had set, and reads what it had read: gives the notifications of what has changed since. */
export async function restoreSession(options: HandshakeOptions, answer: Message): Promise<Message[]> {
  const { connection, memory, ids, logger } = options;
  for (const request of memory.restoring(ids.next)) {
    connection.ask(request, HANDSHAKE_TIMEOUT_MS).then(
      (reply) => {
        if (!isResult(reply)) logger.warn(`the server no longer grants ${request.method}`);
      },
      () => {},
    );
  }
  const capabilities = memberOf(answer, 'result') as { capabilities?: Record<string, unknown> } | undefined;
  const unread = memory.isProvisional
    ? Object.entries(FIRST_LISTS).flatMap(([name, method]) =>
        capabilities?.capabilities?.[name] === undefined ? [] : [method],
      )
    : [];
  return compareLists({ connection, known: memory.lists, unread, nextId: ids.next, timeoutMs: HANDSHAKE_TIMEOUT_MS });
}

/** The question whether the server is there. */
export function pingRequest(ids: OwnIds): Message {
  return ownRequest(ids.next(), 'ping');
}
