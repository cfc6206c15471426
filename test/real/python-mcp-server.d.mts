export interface PythonMcpServer {
  url: string;
  port: number;
  pid: number;
  log(): string;
  /** How it ended; '' for exit code 0. */
  exited: Promise<string>;
  stop(): Promise<void>;
}
export function startPythonMcpServer(transport: 'sse' | 'streamable-http'): Promise<PythonMcpServer>;
