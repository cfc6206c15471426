import type { ServerResponse } from 'node:http';
import type { DrawbridgeError } from '../errors.ts';
import type { Message } from '../message/message.ts';
import { waitForReader } from './slow-reader.ts';

/** `Retry-After` in whole seconds as a flat list of name and value; empty where it is not known when. */
export function retryAfterHeader(error: DrawbridgeError | undefined): readonly string[] {
  if (error?.retryAfterMs === undefined) return [];
  return ['Retry-After', String(Math.ceil(error.retryAfterMs / 1000))];
}

/** Answers a POST with one message as JSON. What is returned, where the reader is slow, settles when it has it all. */
export function answerAsJson(
  response: ServerResponse,
  status: number,
  message: Message,
  headers: readonly string[],
  stallTimeoutMs: number,
): void | Promise<void> {
  const length = String(message.bytes.length);
  response.writeHead(status, ['Content-Type', 'application/json', 'Content-Length', length, ...headers]);
  response.end(message.bytes);
  const left = 'stream' in response ? response.writableLength : response.req.socket.writableLength;
  if (left === 0) return;
  return waitForReader(response, response, stallTimeoutMs);
}
