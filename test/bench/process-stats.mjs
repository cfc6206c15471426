import { readdirSync, readFileSync } from 'node:fs';

// What the kernel says about processes. Linux only: schedstat counts nanoseconds on the CPU, whereas utime/stime in
// /proc/<pid>/stat and process.cpuUsage-like figures of other processes come in ticks of 10 ms.

/** A process may end between listing and reading; then it counts nothing, which is what '' gives. */
function readProc(path) {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** @param {string} path @returns {string[]} the numeric entries of a folder below /proc */
function listNumbers(path) {
  try {
    return readdirSync(path).filter((name) => name.charCodeAt(0) >= 48 && name.charCodeAt(0) <= 57);
  } catch {
    return [];
  }
}

/**
 * A process and all its descendants: nginx's workers and a gateway's children are part of what a message costs.
 * @param {number} pid
 * @returns {number[]}
 */
export function listTree(pid) {
  const childrenOf = new Map();
  for (const name of listNumbers('/proc')) {
    const stat = readProc(`/proc/${name}/stat`);
    // The command in parentheses may itself hold blanks and parentheses: fields are counted from the last one.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)]);
  }
  const tree = [pid];
  for (let i = 0; i < tree.length; i++) tree.push(...(childrenOf.get(tree[i]) ?? []));
  return tree;
}

/**
 * CPU time that the living threads of these processes have used so far, in microseconds.
 * @param {number[]} pids
 */
export function readCpuUs(pids) {
  let ns = 0;
  for (const pid of pids) {
    for (const tid of listNumbers(`/proc/${pid}/task`)) {
      ns += Number.parseInt(readProc(`/proc/${pid}/task/${tid}/schedstat`), 10) || 0;
    }
  }
  return ns / 1000;
}

/**
 * Resident memory of these processes, in bytes; pages they share are counted once for each.
 * @param {number[]} pids
 */
export function readRssBytes(pids) {
  let kilobytes = 0;
  for (const pid of pids) kilobytes += Number(/VmRSS:\s+(\d+)/.exec(readProc(`/proc/${pid}/status`))?.[1] ?? 0);
  return kilobytes * 1024;
}

/** Time that all CPUs together have been busy with anything at all, stolen time included, in microseconds. */
export function readMachineBusyUs() {
  const [user, nice, system, , , irq, softirq, steal] = readProc('/proc/stat').split('\n')[0].split(/\s+/).slice(1);
  const ticks = [user, nice, system, irq, softirq, steal].reduce((sum, field) => sum + Number(field ?? 0), 0);
  return ticks * 10_000;
}

/** Why this machine cannot be measured on, or '' when it can. */
export function explainUnusable() {
  if (process.platform !== 'linux') return 'the bench reads CPU time from /proc, which only Linux has';
  if (!(readCpuUs([process.pid]) > 0)) return 'this kernel shows no CPU time in /proc/<pid>/task/<tid>/schedstat';
  return '';
}

/** @returns {number[]} the CPUs this process may run on, e.g. from the list `0-1,4` */
export function listAllowedCpus() {
  const list = /Cpus_allowed_list:\s+(\S+)/.exec(readProc('/proc/self/status'))?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
