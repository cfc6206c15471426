import { readdirSync, readFileSync } from 'node:fs';

// What Linux tells of the processes of one group, which is a bridge and whatever launched it.

/** The highest resident set that a process of the group has had, in bytes; 0 where there is no /proc. */
export function peakMemoryBytes(group) {
  const peaks = pidsOf(group).map((pid) => {
    const kilobytes = /^VmHWM:\s*(\d+) kB/m.exec(readProc(`${pid}/status`))?.[1];
    return Number(kilobytes ?? 0) * 1024;
  });
  return Math.max(0, ...peaks);
}

function pidsOf(group) {
  return listProc().filter((pid) => {
    // pid (name) state ppid pgrp …; the name may hold anything, a parenthesis too.
    const fields = readProc(`${pid}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[2] === String(group);
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
