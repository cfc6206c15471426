export interface Postgres {
  host: string;
  port: number;
  /** postgresql://kwild:kwild@127.0.0.1:PORT/kwild */
  uri: string;
  pid: number;
  /** Its private folder; gone after `stop()`. */
  folder: string;
  /** Resolves when the server has ended: '' after success, else how. */
  exited: Promise<string>;
  log(): string;
  /** Runs SQL as `kwild` and resolves to the rows, one a line, columns parted by `|`; rejects with psql's message. */
  psql(sql: string): Promise<string>;
  stop(): Promise<void>;
}
export function startPostgres(options?: { dir?: string; log?: (text: string) => void }): Promise<Postgres>;
