/**
 * The requests of clients that each revision of MCP has added, from the schema of that revision
 * (https://modelcontextprotocol.io/specification/<revision>/schema). A method that stands in no revision is a vendor's.
 */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  '2024-11-05': [
    'initialize',
    'ping',
    'completion/complete',
    'logging/setLevel',
    'prompts/get',
    'prompts/list',
    'resources/list',
    'resources/read',
    'resources/subscribe',
    'resources/templates/list',
    'resources/unsubscribe',
    'tools/call',
    'tools/list',
  ],
  '2025-11-25': ['tasks/cancel', 'tasks/get', 'tasks/list', 'tasks/result'],
  '2026-07-28': ['server/discover', 'subscriptions/listen', 'tasks/update'],
};

/** The newest revision with sessions; what came after it no session can be asked. */
export const NEWEST_WITH_SESSIONS = '2025-11-25';

/** The methods that came after this revision. Revisions are dates, which sort as text. */
export function methodsAfter(revision: string): readonly string[] {
  return Object.entries(ADDED).flatMap(([added, methods]) => (added > revision ? methods : []));
}
