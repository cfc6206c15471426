import { createServer } from 'node:http';

// The built gateway as a program embeds it, for what no flag sets. Run as a child with IPC: takes the options of
// createGateway as JSON in its argument, sends { port }, and answers 'sessions' with how many are open.

const { createGateway } = await import(new URL('../../dist/gateway.js', import.meta.url).href);
const gateway = createGateway(JSON.parse(process.argv[2]));
const server = createServer(gateway.handler);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => process.send?.({ port: server.address().port }));
process.on('message', () => process.send?.({ sessions: gateway.sessionCount }));
process.on('disconnect', () => process.exit(0));
