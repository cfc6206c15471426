import { type Message, readMessage } from './message.ts';
import { elements } from './ranges.ts';
import { skipSpace } from './scan.ts';

/** Messages in one batch. MCP had batches in its revision 2025-03-26 only. */
export const MAX_BATCH_MESSAGES = 1000;

/**
 * The messages of a batch, in order, each as its own bytes of the whole; what stands in it and is no message has kind
 * `invalid`. Where it cannot be taken apart, a text that says what it is, such as `a batch of more than 1000
 * messages`.
 */
export function splitBatch(bytes: Buffer): readonly Message[] | string {
  const messages: Message[] = [];
  let count = 0;
  const end = elements(bytes, skipSpace(bytes, 0), (element) => {
    if (++count > MAX_BATCH_MESSAGES) return;
    const message = readMessage(bytes.subarray(element.start, element.end));
    messages.push(message.kind === 'batch' ? { ...message, kind: 'invalid' } : message);
  });
  if (end === undefined || skipSpace(bytes, end) !== bytes.length) return 'a batch that is no JSON';
  return count > MAX_BATCH_MESSAGES ? `a batch of more than ${MAX_BATCH_MESSAGES} messages` : messages;
}

/** What a server sent as one: a message, or the messages of a batch. A text where `splitBatch` gives one. */
export function readMessages(bytes: Buffer): readonly Message[] | string {
  const message = readMessage(bytes);
  return message.kind === 'batch' ? splitBatch(bytes) : [message];
}
