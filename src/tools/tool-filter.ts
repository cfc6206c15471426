import { DrawbridgeError } from '../errors.ts';
import { cancelledKeyOf, toolNameOf } from '../message/fields.ts';
import { errorReply, type Message } from '../message/message.ts';
import { soleMember, stringAt } from '../message/ranges.ts';
import { skipSpace } from '../message/scan.ts';
import type { Interceptor, InterceptorLink } from '../relay/intercept.ts';
import { PendingRequests } from '../relay/pending-requests.ts';
import { withoutTools } from './tool-list.ts';

/** As many as the relay lets be open; it answers what is one too many. */
const MAX_OPEN_LISTS = 1024;
/** Of a name that is refused, at most this much is quoted. */
const NAME_CHARS = 100;

/**
 * Hides tools from the client: they are missing from what `tools/list` answers, of which every other byte stays, and a
 * call of one is answered with an error and goes nowhere. Whatever cannot be read for certain is refused.
 */
export function createToolFilter(isAvailable: (name: string) => boolean): (link: InterceptorLink) => Interceptor {
  return (link) => new ToolFilter(isAvailable, link);
}

class ToolFilter implements Interceptor {
  readonly #isAvailable: (name: string) => boolean;
  readonly #link: InterceptorLink;
  readonly #lists = new PendingRequests(MAX_OPEN_LISTS);

  constructor(isAvailable: (name: string) => boolean, link: InterceptorLink) {
    this.#isAvailable = isAvailable;
    this.#link = link;
  }

  up(message: Message): Message | undefined {
    const error = this.#problemOf(message);
    if (error === undefined) return message;
    if (message.kind === 'request') this.#link.sendDown(errorReply(message.id, error), { relatedTo: message.key });
    return undefined;
  }

  down(message: Message): Message | undefined {
    if (message.kind !== 'response' || !this.#lists.settle(message.key)) return message;
    const left = withoutTools(message, this.#isAvailable);
    if (left !== undefined) return left;
    return errorReply(message.id, new DrawbridgeError('upstream_invalid', 'the list of tools cannot be read'));
  }

  unsent(message: Message): void {
    this.#lists.settle(message.key);
  }

  #problemOf(message: Message): DrawbridgeError | undefined {
    const { bytes, kind } = message;
    const range = soleMember(bytes, skipSpace(bytes, 0), 'method');
    if (kind === 'response' && range === undefined) return undefined;
    // What a peek takes for another method, or for an answer, some server could take for a call.
    const method = typeof range === 'object' && kind !== 'response' ? stringAt(bytes, range) : undefined;
    if (method === undefined) return new DrawbridgeError('invalid_request', 'the method cannot be read for certain');
    if (method === 'tools/call') return this.#problemOfCall(message);
    if (method === 'tools/list' && this.#lists.add(message) === 'full') {
      return new DrawbridgeError('too_many_pending', `${this.#lists.size} lists of tools are still open`);
    }
    if (method === 'notifications/cancelled') {
      const key = cancelledKeyOf(message);
      if (key !== undefined) this.#lists.cancel(key);
    }
    return undefined;
  }

  #problemOfCall(message: Message): DrawbridgeError | undefined {
    const name = toolNameOf(message);
    if (name !== undefined && this.#isAvailable(name)) return undefined;
    const tool = name === undefined ? 'A tool whose name cannot be read' : `Tool ${quoteToolName(name)}`;
    return new DrawbridgeError('tool_not_available', `${tool} is not available`);
  }
}

/** A name as an error message has it, clipped. */
export function quoteToolName(name: string): string {
  return JSON.stringify(name.length > NAME_CHARS ? `${name.slice(0, NAME_CHARS)}…` : name);
}
