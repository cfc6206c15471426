export interface SshClient {
  /** A folder that holds nothing on the PATH but `ssh`. */
  bin: string;
  /** The `ssh` in it: the system's, with this client's configuration. */
  command: string;
  /** Processes of this ssh, and those that watch them. */
  pids(): Promise<{ clients: number[]; guards: number[] }>;
}
export interface Sshd {
  port: number;
  user: string;
  /** user@127.0.0.1:port */
  destination: string;
  /** Its private folder; gone after `stop()`. */
  folder: string;
  /** The private key that it accepts. */
  keyFile: string;
  /** One that it accepts too, with a passphrase. */
  lockedKeyFile: string;
  /** One that it does not. */
  strangerKeyFile: string;
  log(): string;
  /**
   * `knownHostKey`: the key file that known_hosts has for the server (default: its own), '' for none; `config`: further
   * lines of ssh_config.
   */
  makeClient(options?: { knownHostKey?: string; config?: readonly string[] }): Promise<SshClient>;
  connectionPids(): Promise<number[]>;
  /** Ends every connection, as a crash of the processes that serve them would. */
  killConnections(): Promise<void>;
  /** Ends the server and its connections, until `start`. */
  end(): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}
/** Those of the processes that are still there. */
export function findAlive(pids: readonly number[]): Promise<number[]>;
export function startSshd(options?: { settings?: readonly string[] }): Promise<Sshd>;
