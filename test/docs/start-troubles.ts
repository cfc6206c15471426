/** Situations in which the bridge does not start, or is told what it cannot read, by the headings of docs/troubleshooting.md. */
import { findClosedPort, invoke, type Said } from './staging.ts';

const URL = 'http://127.0.0.1:8000/sse';

export const START_TROUBLES: Readonly<Record<string, () => Promise<Said>>> = {
  'refusing to send to <host>:<port> without encryption': () => invoke(['http://db.example.com:8000/sse']),

  "unknown option '<option>'": () => invoke([URL, '--allow-htp']),

  'unexpected argument': () => invoke([URL, '--ca', '/home/me/my', 'certificates/ca.pem']),

  'the variable <NAME> is not set': () => invoke([URL, '--header', 'Authorization:Bearer ${API_KEY}']),

  'the line is not JSON: <why>': async () =>
    invoke([`http://127.0.0.1:${await findClosedPort()}/mcp`], { input: '{]\n' }),
};
