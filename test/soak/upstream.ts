/** The MCP server of the soak, in a process of its own: the official SDK over both transports. */
import { startMcpServer } from '../parts/mcp-server.ts';

const server = await startMcpServer();
// It keeps what it was sent, for tests that look at it.
setInterval(() => server.seen.splice(0), 1000).unref();
setInterval(() => server.announce('tick').catch(() => {}), 5000).unref();
process.on('disconnect', () => process.exit(0));
process.send?.({ port: server.port });
