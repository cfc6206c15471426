/**
 * The one place outside of the command line that touches other processes by their number: only `process.kill` can signal
 * a group, and what `uvx` and `npx` start lives on when they alone are ended.
 */

/** Signals every process of the group that this one leads; false where none is left. */
export function signalGroup(leaderId: number, signal: 'SIGTERM' | 'SIGKILL' | 0): boolean {
  try {
    return process.kill(-leaderId, signal);
  } catch (thrown) {
    // Of a group that has other users' processes alone we may not ask, but it is there.
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}
