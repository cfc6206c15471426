import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until, within } from '../wait.mjs';
import { startUpstream } from './upstream.mjs';

// The staged server as a process, so that the system can stop and continue it. This file is both sides of it.

const START_MS = 10_000;

/** @param {import('./upstream.mjs').UpstreamOptions} options */
export async function startUpstreamProcess(options) {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], { stdio: 'ignore' });
  const seen = [];
  const { url } = await within(
    START_MS,
    'the server process listens',
    new Promise((fulfil, reject) => {
      child.once('message', fulfil);
      child.once('exit', () => reject(new Error('the server process ended before it listened')));
    }),
  );
  child.on('message', (message) => seen.push(message));
  return {
    url,
    /** Messages received so far. */
    seen,
    saw: (label, fits, ms = 10_000) => until(ms, `the server receives ${label}`, () => seen.some(fits)),
    freeze: () => child.kill('SIGSTOP'),
    thaw: () => child.kill('SIGCONT'),
    stop: () => child.kill('SIGKILL'),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const upstream = await startUpstream(JSON.parse(process.argv[2]));
  upstream.respond = ({ message }) => {
    if (message !== undefined) process.send(message);
    return undefined;
  };
  process.on('disconnect', () => process.exit(0));
  process.send({ url: upstream.url });
}
