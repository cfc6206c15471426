import type { SshOptions } from '../bridge/bridge-options.ts';
import { expandHome, readTextFile } from './read-file.ts';
import { usageError } from './report.ts';

/**
 * No part may begin with a dash, which ssh would take for an option, and none may have what a shell takes for more than
 * a letter: ssh gives the host's name to a shell where its configuration says so.
 */
const DESTINATION = /^(?:[\w.+=,~%@\\][\w.+=,~%@\\-]*@)?(?:[\w.][\w.%-]*|\[[\w.:%]+\])(?::(\d{1,5}))?$/;

/** What `--ssh` and `--ssh-key` say; undefined where there is no tunnel. Throws `usage` or `config`. */
export function readSshOptions(destination: string | undefined, keyFile: string | undefined): SshOptions | undefined {
  if (destination === undefined) {
    if (keyFile === undefined) return undefined;
    throw usageError('--ssh-key needs --ssh', { hint: 'Name the machine too: --ssh user@host' });
  }
  const port = DESTINATION.exec(destination)?.[1];
  if (!DESTINATION.test(destination) || (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))) {
    throw usageError(`--ssh ${JSON.stringify(destination.slice(0, 60))} cannot be used`, {
      why: 'it is not a host, perhaps with a user before it and a port after it',
      hint: 'Such as --ssh user@host, --ssh user@host:2222, or a Host of your ssh configuration',
    });
  }
  if (keyFile === undefined) return { destination };
  // ssh would say it too, much later and with a password asked for in between.
  readTextFile(keyFile, '--ssh-key');
  return { destination, keyFile: expandHome(keyFile) };
}
