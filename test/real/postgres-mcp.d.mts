export type Variant = '1.25.0' | '1.30.0' | '1.6.0';
export interface PostgresMcp {
  /** http://127.0.0.1:PORT/sse */
  url: string;
  port: number;
  pid: number;
  /** Resolves when the process has ended: '' for exit code 0, else how. */
  exited: Promise<string>;
  log(): string;
  stop(): Promise<void>;
}
export interface PostgresMcpOptions {
  databaseUri: string;
  variant?: Variant;
  accessMode?: 'restricted' | 'unrestricted';
  transport?: 'sse';
  /** Default: a free one. */
  port?: number;
}
export function ensurePostgresMcp(variant?: Variant): Promise<string>;
export function startPostgresMcp(options: PostgresMcpOptions): Promise<PostgresMcp>;
