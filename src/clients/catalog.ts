import { ANTIGRAVITY } from './catalog/antigravity.ts';
import { CLAUDE_CODE } from './catalog/claude-code.ts';
import { CLAUDE_DESKTOP } from './catalog/claude-desktop.ts';
import { CLINE, CLINE_CLI } from './catalog/cline.ts';
import { CODEX } from './catalog/codex.ts';
import { CONTINUE } from './catalog/continue.ts';
import { COPILOT_CLI } from './catalog/copilot-cli.ts';
import { CURSOR } from './catalog/cursor.ts';
import { GEMINI_CLI } from './catalog/gemini-cli.ts';
import { GOOSE } from './catalog/goose.ts';
import { JUNIE } from './catalog/junie.ts';
import { KIRO } from './catalog/kiro.ts';
import { LM_STUDIO } from './catalog/lm-studio.ts';
import { OPENCODE } from './catalog/opencode.ts';
import { VSCODE } from './catalog/vscode.ts';
import { WINDSURF, WINDSURF_JETBRAINS } from './catalog/windsurf.ts';
import { ZED } from './catalog/zed.ts';
import type { McpClient } from './client.ts';

/** Every client that is known, those asked for most first. */
export const MCP_CLIENTS: readonly McpClient[] = [
  CLAUDE_DESKTOP,
  CLAUDE_CODE,
  CURSOR,
  VSCODE,
  WINDSURF,
  CLINE,
  CODEX,
  GEMINI_CLI,
  ZED,
  CONTINUE,
  LM_STUDIO,
  GOOSE,
  OPENCODE,
  COPILOT_CLI,
  CLINE_CLI,
  JUNIE,
  KIRO,
  ANTIGRAVITY,
  WINDSURF_JETBRAINS,
];

/** By its id or another of its names, in any case. */
export function findClient(name: string): McpClient | undefined {
  const wanted = name.toLowerCase();
  return MCP_CLIENTS.find(({ id, aliases }) => id === wanted || aliases.includes(wanted));
}
