// Stands for a bridge where the bench itself is tested: `node fake-bridge.mjs <fault>` answers on its own, without a
// server, and gets the calls wrong in the way that its argument names.
import { createInterface } from 'node:readline';

const fault = process.argv[2];

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line);
  if (id === undefined) continue;
  if (method === 'initialize') answer(id, { protocolVersion: params.protocolVersion, capabilities: {} });
  else answerCall(id, params.arguments.text);
}

function answerCall(id, text) {
  switch (fault) {
    case 'other-content':
      return answer(id, { content: [{ type: 'text', text: `${text} ` }] });
    case 'other-id':
      return answer(id + 1000, { content: [{ type: 'text', text }] });
    case 'twice':
      answer(id, { content: [{ type: 'text', text }] });
      return answer(id, { content: [{ type: 'text', text }] });
    case 'error':
      return write({ jsonrpc: '2.0', id, error: { code: -32603, message: 'no' } });
    case 'no-json':
      return process.stdout.write('connected\n');
    case 'end':
      return process.exit(7);
    case 'rewritten':
      return write({ result: { content: [{ text, type: 'text' }] }, id, jsonrpc: '2.0' });
    default:
      return answer(id, { content: [{ type: 'text', text }] });
  }
}

function answer(id, result) {
  write({ jsonrpc: '2.0', id, result });
}

function write(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
