export type PythonMcpVersion = '1.30.0' | '2.3.0';
export interface PythonClientAnswer {
  server: string;
  /** The protocol version that was agreed upon. */
  protocol: string;
  tools: string[];
  /** The first text content of each result. */
  texts: string[];
}
export function ensurePythonMcp(version: PythonMcpVersion): Promise<string>;
export function runPythonClient(
  version: PythonMcpVersion,
  /** `auto`, which 2.x alone has, asks for 2026-07-28 first. */
  transport: 'sse' | 'http' | 'auto',
  url: string,
  headers: Record<string, string>,
  calls: readonly (readonly [tool: string, args: object])[],
): Promise<PythonClientAnswer>;
