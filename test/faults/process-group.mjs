import { readdirSync, readFileSync } from 'node:fs';

// The processes of one group, which is a bridge and whatever launched it. Where there is no /proc less is known of them.

/** Says whether there was any process to signal. @param {number} group @param {NodeJS.Signals | 0} signal */
export function signalGroup(group, signal) {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}

/** Whether a process of the group lives. One that has ended and waits for its parent to ask for its status does not. */
export function isGroupAlive(group) {
  if (!signalGroup(group, 0)) return false;
  return listProc().length === 0 || membersOf(group).some(({ state }) => state !== 'Z');
}

/** The highest resident set that a process of the group has had, in bytes; 0 where there is no /proc. */
export function peakMemoryBytes(group) {
  const peaks = membersOf(group).map(({ pid }) => {
    const kilobytes = /^VmHWM:\s*(\d+) kB/m.exec(readProc(`${pid}/status`))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  });
  return Math.max(0, ...peaks);
}

function membersOf(group) {
  return listProc().flatMap((pid) => {
    // pid (name) state ppid pgrp …; the name may hold anything, a parenthesis too.
    const [state, , pgrp] = readProc(`${pid}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ');
    return pgrp === String(group) ? [{ pid, state }] : [];
  });
}

function listProc() {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Empty where the process has ended meanwhile. */
function readProc(path) {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return '';
  }
}
