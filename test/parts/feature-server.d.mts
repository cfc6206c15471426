import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';

/** `isJson`: answers have no stream, so what is said meanwhile takes the session's own. */
export function createFeatureServer(how?: { readonly isJson?: boolean }): McpServer;
