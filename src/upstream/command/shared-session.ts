import type { DrawbridgeError } from '../../errors.ts';
import { findField } from '../../message/fields.ts';
import type { Message } from '../../message/message.ts';
import type { Route, Transport, TransportEvents } from '../../relay/transport.ts';
import type { SharedCommand } from './shared-command.ts';

/** What a request of the server needs of a client. */
const CAPABILITIES: Readonly<Record<string, string>> = {
  'sampling/createMessage': 'sampling',
  'elicitation/create': 'elicitation',
  'roots/list': 'roots',
};

/** One session's end of a command that several share: to its relay an upstream of its own. */
export class SharedSession implements Transport {
  readonly #find: () => SharedCommand;
  #command: SharedCommand | undefined;
  #events: TransportEvents | undefined;
  #isPaused = false;
  /** What came while it was paused. */
  #held: { readonly message: Message; readonly route: Route | undefined }[] = [];
  readonly #capabilities = new Set<string>();
  /** Of what is held. */
  heldBytes = 0;

  /** `find` gives the command to share, and is asked once, at the start. */
  constructor(find: () => SharedCommand) {
    this.#find = find;
  }

  async start(events: TransportEvents): Promise<void> {
    this.#events = events;
    this.#command = this.#find();
    await this.#command.attach(this);
  }

  send(message: Message): void | Promise<void> {
    if (message.method === 'initialize') this.#noteCapabilities(message);
    return this.#command?.sendFrom(this, message);
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#flush(() => !this.#isPaused);
    this.#command?.regulate();
  }

  close(): Promise<void> {
    this.#events = undefined;
    this.#held = [];
    this.heldBytes = 0;
    this.#command?.detach(this);
    return Promise.resolve();
  }

  /** Whether its client said that it can answer such a request. */
  canAnswer({ method = '' }: Message): boolean {
    const capability = CAPABILITIES[method];
    return capability === undefined || this.#capabilities.has(capability);
  }

  deliver(message: Message, route?: Route): void {
    if (!this.#isPaused && this.#held.length === 0) this.#events?.message(message, route);
    else if (this.#events !== undefined) {
      this.#held.push({ message, route });
      this.heldBytes += message.bytes.length;
    }
  }

  /** The command is over. What it had said before is brought first. */
  end(error: DrawbridgeError): void {
    this.#flush(() => true);
    const events = this.#events;
    this.#events = undefined;
    events?.end(error);
  }

  #flush(mayGoOn: () => boolean): void {
    while (mayGoOn()) {
      const next = this.#held.shift();
      if (next === undefined) return;
      this.heldBytes -= next.message.bytes.length;
      this.#events?.message(next.message, next.route);
    }
  }

  #noteCapabilities(initialize: Message): void {
    for (const capability of Object.values(CAPABILITIES)) {
      if (findField(initialize, ['params', 'capabilities', capability]) !== undefined)
        this.#capabilities.add(capability);
    }
  }
}
