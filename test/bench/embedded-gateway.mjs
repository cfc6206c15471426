import { createServer } from 'node:http';

// The built gateway as a program embeds it, for what no flag sets. Run as a child with IPC: takes the options of
// createGateway as JSON in its argument and sends { port }. To any message it answers { sessions, heapBytes }: how many
// are open, and what is left of the heap after a collection where Node was started with --expose-gc. Its log goes to
// stderr, one line a record, where it is worth a warning.

const { createGateway } = await import(new URL('../../dist/gateway.js', import.meta.url).href);

const quiet = () => {};
const say = (level) => (first, second) => {
  process.stderr.write(`${level} ${typeof first === 'string' ? first : `${second ?? ''} ${JSON.stringify(first)}`}\n`);
};
const logger = { debug: quiet, info: quiet, warn: quiet, error: say('error') };
const gateway = createGateway({ ...JSON.parse(process.argv[2]), logger });
const server = createServer(gateway.handler);
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => process.send?.({ port: server.address().port }));
process.on('message', () => {
  globalThis.gc?.();
  process.send?.({ sessions: gateway.sessionCount, heapBytes: process.memoryUsage().heapUsed });
});
process.on('disconnect', () => process.exit(0));
