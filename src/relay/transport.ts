import type { DrawbridgeError } from '../errors.ts';
import type { Message } from '../message/message.ts';

/** Where a message came from or must go, for transports that have more than one stream. */
export interface Route {
  /** The key of the request on whose response stream it travels. */
  readonly relatedTo?: string | undefined;
  /** The id of the event that carried it, opaque. */
  readonly eventId?: string | undefined;
  /** The HTTP status that an answer came with, where its revision gives that a meaning (2026-07-28); 200 unless said. */
  readonly status?: number | undefined;
}

/** What a transport tells its one listener. */
export interface TransportEvents {
  /**
   * A message arrived. The promise, where there is one, settles when the next hop has taken the message; it rejects
   * with a DrawbridgeError when the message could not be passed on and nobody else answers it, so the transport that
   * brought it answers.
   */
  message(message: Message, route?: Route): void | Promise<void>;
  /** Something went wrong that did not end the connection, such as a message that is no JSON-RPC. */
  error(error: DrawbridgeError): void;
  /**
   * The connection is over; told once. Without an error it ended in good order. Where the server has forgotten the
   * session, answers to requests that are still under way may follow until `close`.
   */
  end(error?: DrawbridgeError): void;
}

/**
 * One MCP connection, downstream or upstream. `start` is called once, before all else; `close` any number of times and
 * never rejects; after `close` no event is told.
 */
export interface Transport {
  /** When the peer was last heard, in milliseconds of the monotonic clock; 0 before. Upstream transports alone tell it. */
  readonly heardAt?: number;
  /**
   * Settles when the peer was reached; rejects with a DrawbridgeError when it cannot be. Messages may be sent before it
   * settles: they wait.
   */
  start(events: TransportEvents): Promise<void>;
  /**
   * Sends a message. Nothing is returned where it was taken at once; else a promise that settles when the peer can
   * take more (downstream) or has accepted it (upstream), and rejects with a DrawbridgeError when it surely or perhaps
   * did not arrive (`mayHaveRun` tells which).
   */
  send(message: Message, route?: Route): void | Promise<void>;
  /** Stops telling messages, so that the peer feels the back-pressure, until `resume`. */
  pause(): void;
  resume(): void;
  close(): Promise<void>;
}
