/** A sink that keeps the response it was told of. */
import type { DrawbridgeError } from '../../src/errors.ts';
import type { ResponseSink } from '../../src/upstream/http/http-connection.ts';
import type { ResponseHead } from '../../src/upstream/http/http-response-head.ts';
import { until } from './deadline.ts';

export class ResponseRecorder implements ResponseSink {
  readonly told: string[] = [];
  readonly onEnd: (() => void) | undefined;
  status = 0;
  body = '';
  error: DrawbridgeError | undefined;

  constructor(onEnd?: () => void) {
    this.onEnd = onEnd;
  }
  head(head: ResponseHead): void {
    this.told.push('head');
    this.status = head.status;
  }
  data(chunk: Buffer): void {
    this.body += chunk.toString();
  }
  end(): void {
    this.told.push('end');
    this.onEnd?.();
  }
  fail(error: DrawbridgeError): void {
    this.told.push('fail');
    this.error = error;
  }
  async over(): Promise<this> {
    await until('the end of the exchange', () => this.told.includes('end') || this.told.includes('fail'));
    return this;
  }
}
