/** Started in a network of its own: opens its ports, then runs the program. `inside.mjs <folder> <ports> command …` */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';

const [folder = '', ports = '', command = '', ...args] = process.argv.slice(2);
execFileSync('ip', ['link', 'set', 'lo', 'up']);
const others = Object.keys(networkInterfaces()).filter((name) => name !== 'lo');
if (others.length > 0) throw new Error(`there are other networks than loopback: ${others.join(', ')}`);
for (const port of ports.split(',').map(Number)) {
  const server = createServer((inside) => {
    const outside = connect(join(folder, `${port}`));
    inside.pipe(outside).pipe(inside);
    inside.on('error', () => outside.destroy()).on('close', () => outside.destroy());
    outside.on('error', () => inside.destroy()).on('close', () => inside.destroy());
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}
const [code] = await once(spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] }), 'exit');
process.exit(code ?? 1);
