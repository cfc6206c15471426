/**
 * The thread that bcrypt has for itself. Plain JavaScript and a file of its own, because a thread starts from a file:
 * the build puts it beside the chunks, bcryptjs inside; tests start it from here.
 */
import { parentPort } from 'node:worker_threads';
import bcrypt from 'bcryptjs';

parentPort.on('message', ({ password, hash }) => {
  parentPort.postMessage(bcrypt.compareSync(password, hash));
});
