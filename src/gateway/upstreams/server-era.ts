import { CAPABILITIES_FIELD, type Era, MODERN_VERSION, VERSION_FIELD } from '../../message/era.ts';
import { findField } from '../../message/fields.ts';
import { type Message, readMessage } from '../../message/message.ts';
import type { Transport } from '../../relay/transport.ts';

/** A server may be replaced by one of the other era while the gateway runs. */
const REMEMBERED_MS = 10 * 60_000;
/** A server that takes longer to say what it is has not said it. */
const ANSWER_MS = 5000;

/** What is asked; every server of the modern era must answer it (MCP 2026-07-28, discovery). */
const QUESTION = readMessage(
  Buffer.from(
    JSON.stringify({
      jsonrpc: '2.0',
      id: 'drawbridge-era',
      method: 'server/discover',
      params: { _meta: { [VERSION_FIELD[2]]: MODERN_VERSION, [CAPABILITIES_FIELD[2]]: {} } },
    }),
  ),
);

/**
 * The era of one server. It is asked when a modern request was refused as a legacy server would, and by a question of the
 * gateway's own: a client could provoke that refusal of any server, and would else decide for all others.
 */
export class ServerEra {
  #known: Era | undefined;
  #knownSince = 0;
  #asking: Promise<Era | undefined> | undefined;

  /** Undefined while it is not known, or not any more. */
  get known(): Era | undefined {
    if (performance.now() - this.#knownSince > REMEMBERED_MS) this.#known = undefined;
    return this.#known;
  }

  /** Asks over a transport of its own, unless it is known; undefined where the answer says nothing about the era. */
  find(connect: () => Transport): Promise<Era | undefined> {
    if (this.known !== undefined) return Promise.resolve(this.known);
    this.#asking ??= this.#ask(connect());
    return this.#asking;
  }

  async #ask(transport: Transport): Promise<Era | undefined> {
    const era = await ask(transport);
    await transport.close();
    this.#known = era;
    this.#knownSince = performance.now();
    this.#asking = undefined;
    return era;
  }
}

/** The headers that belong to the question. */
export const QUESTION_HEADERS = `MCP-Protocol-Version: ${MODERN_VERSION}\r\nMcp-Method: server/discover\r\n`;

async function ask(transport: Transport): Promise<Era | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const answer = await new Promise<Message | Era | undefined>((fulfil) => {
    timer = setTimeout(() => fulfil(undefined), ANSWER_MS);
    const start = transport.start({ message: fulfil, error: () => {}, end: () => fulfil(undefined) });
    start
      .then(() => transport.send(QUESTION))
      .catch((thrown: { readonly upstreamStatus?: number }) => {
        // Credentials, load and faults say nothing about the era.
        const { upstreamStatus: status } = thrown;
        fulfil(status !== undefined && [400, 404, 405, 406].includes(status) ? 'legacy' : undefined);
      });
  });
  clearTimeout(timer);
  if (typeof answer !== 'object') return answer;
  return findField(answer, ['result', 'supportedVersions']) === undefined ? eraOfError(answer) : 'modern';
}

/** A modern server may refuse the version asked for, and no other code is its own. */
function eraOfError(answer: Message): Era | undefined {
  const range = findField(answer, ['error', 'code']);
  if (range === undefined) return undefined;
  const code = Number(answer.bytes.toString('latin1', range.start, range.end));
  if (code <= -32020 && code >= -32022) return 'modern';
  return code === -32603 ? undefined : 'legacy';
}
