export interface PythonSseAnswer {
  server: { name: string; version: string };
  tools: string[];
  /** The first text content of the `execute_sql` result. */
  text: string;
}
export function runPythonSseClient(url: string, headers: Record<string, string>, sql: string): Promise<PythonSseAnswer>;
