export function installWorkflowTools(): Promise<void>;
export function lintWorkflows(files: readonly string[]): Promise<void>;
export function checkAgainst(schema: string, files: readonly string[]): Promise<void>;
