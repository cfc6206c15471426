import type { Logger } from '../log.ts';
import type { Message } from '../message/message.ts';
import type { Interceptor } from '../relay/intercept.ts';

/** An id or method is a peer's text of any length. */
const MAX_TEXT_CHARS = 64;

/** One debug line a message, either way: what it is and how large, never what stands in it. */
export function createTrace(logger: Logger): () => Interceptor {
  const trace = (way: string, message: Message): Message => {
    const { kind, method, id, bytes } = message;
    logger.debug({ kind, method: clip(method), id: clip(id), bytes: bytes.length }, way);
    return message;
  };
  return () => ({
    up: (message) => trace('client → server', message),
    down: (message) => trace('server → client', message),
  });
}

function clip(text: string | undefined): string | undefined {
  return text !== undefined && text.length > MAX_TEXT_CHARS ? `${text.slice(0, MAX_TEXT_CHARS)}…` : text;
}
