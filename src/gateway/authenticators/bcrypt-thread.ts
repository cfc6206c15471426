import { Worker } from 'node:worker_threads';
import { DrawbridgeError } from '../../errors.ts';

/** A thread that does bcrypt, started when it is first needed and again after a crash. */
export class BcryptThread {
  #worker: Worker | undefined;
  #settle: ((outcome: boolean | Error) => void) | undefined;
  #isClosed = false;

  /** Whether it is this password; one at a time. Rejects when the thread ends before it knows. */
  verify(password: string, hash: string): Promise<boolean> {
    if (this.#isClosed) return Promise.reject(ended('it was closed'));
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((fulfil, reject) => {
      this.#settle = (outcome) => {
        this.#settle = undefined;
        if (outcome instanceof Error) reject(outcome);
        else fulfil(outcome);
      };
      worker.postMessage({ password, hash });
    });
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    void this.#worker?.terminate();
  }

  #start(): Worker {
    // execArgv: this process may run with loaders, which would change how the program is read.
    const options = { name: 'bcrypt', execArgv: [], env: {} };
    const worker = new Worker(new URL('./password-worker.mjs', import.meta.url), options);
    // Nobody's end waits for a password.
    worker.unref();
    // A crash is told before the end is, and by then another thread may be at work.
    const fail = (why: string): void => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#settle?.(ended(why));
    };
    worker.on('message', (isPassword: boolean) => this.#settle?.(isPassword));
    worker.on('error', (error) => fail(String(error)));
    worker.on('exit', () => fail('it has ended'));
    return worker;
  }
}

function ended(why: string): DrawbridgeError {
  return new DrawbridgeError('internal', 'the thread that verifies passwords is gone', { why });
}
