import { BRIDGE_OPTIONS } from '../config/bridge-options.ts';
import { formatOptions } from '../config/help.ts';

export function bridgeHelp(): string {
  return `mcp-drawbridge: reach a remote MCP server from a client that only has stdio,
and guard an MCP server such as postgres-mcp with a gateway.

Usage
  mcp-drawbridge <url> [callback-port] [options]
                                        connect a stdio client to that server
  mcp-drawbridge gateway [options]      guard an MCP server with keys and limits
  mcp-drawbridge keys add|list|revoke   access keys of a gateway
  mcp-drawbridge check [url]            name the hop on the way that fails
  mcp-drawbridge clients [name]         the entry for your MCP client

Examples
  npx mcp-drawbridge http://127.0.0.1:8000/sse
  npx mcp-drawbridge https://example.com/mcp --header "X-Api-Key:\${API_KEY}"
  npx mcp-drawbridge http://127.0.0.1:8000/sse --ssh me@db.example.com
  npx mcp-drawbridge gateway --upstream http://127.0.0.1:8000/sse \\
    --key-file keys.json
  npx mcp-drawbridge gateway --demo
  npx mcp-drawbridge check http://127.0.0.1:8000/sse

Options of mcp-drawbridge <url>, in any order; s is a number of seconds

${formatOptions(BRIDGE_OPTIONS)}

Every option is also an environment variable: --log-level is
DRAWBRIDGE_LOG_LEVEL, the URL is DRAWBRIDGE_URL. A list has one entry a line.
What may be secret can stand in a file: DRAWBRIDGE_HEADER_FILE,
DRAWBRIDGE_URL_FILE, DRAWBRIDGE_STATIC_OAUTH_CLIENT_INFO_FILE.
The command line counts before the environment, that before the --config file.

Exit codes: 0 done, 1 unexpected, 2 usage or configuration, 3 server
unreachable, 4 server refused our credential, 128 + n ended by signal n.
`;
}
