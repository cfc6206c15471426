// An MCP server over stdio that answers initialize and then does what its argument names, by hand where the SDK would not.
import { createInterface } from 'node:readline';

const fault = process.argv[2];
const say = (value) => process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`);

process.stderr.write(`faulty server, ${fault}\n`);
if (fault === 'dies-at-once') {
  process.stderr.write('could not connect to postgresql://alice:hunter22@127.0.0.1:5432/db\n');
  process.exit(3);
}
if (fault === 'ignores-the-end') {
  process.on('SIGTERM', () => process.stderr.write('SIGTERM is ignored\n'));
  setInterval(() => {}, 1000);
}
if (fault === 'reads-nothing') setInterval(() => {}, 1000);
else {
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, method } = JSON.parse(line);
    if (fault === 'never-answers') continue;
    if (method === 'initialize') {
      const { protocolVersion } = JSON.parse(line).params;
      const serverInfo = { name: 'faulty', version: '1' };
      say({ jsonrpc: '2.0', id, result: { protocolVersion, capabilities: { tools: {} }, serverInfo } });
    } else if (id !== undefined) misbehave(id);
  }
}

function misbehave(id) {
  switch (fault) {
    case 'closes-its-output':
      setInterval(() => {}, 1000);
      process.stdout.end();
      break;
    case 'prints-garbage':
      say('Connected to postgresql://alice:hunter22@127.0.0.1/db');
      say('{"level":"error","error":"a log line that looks like an answer"}');
      say('{"method":"GET","path":"/"}');
      say('{"jsonrpc":"2.0","id":');
      say(Buffer.from([0xff, 0xfe, 0x07]).toString('latin1'));
      say('[1,2');
      say({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'after the garbage' }] } });
      break;
    case 'sends-a-huge-line':
      say({ jsonrpc: '2.0', id, result: { content: [{ type: 'text', text: 'x'.repeat(200_000) }] } });
      break;
    case 'floods-its-log':
      for (let count = 0; count < 5000; count++) process.stderr.write(`line ${count} \u001b[31mred\n`);
      say({ jsonrpc: '2.0', id, result: { content: [] } });
      break;
    default:
  }
}
