/** What work costs this process. Other processes of a busy machine make work take longer, but hardly cost more. */

/** CPU time spent until now, in milliseconds. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The CPU time of the cheapest of several runs, in milliseconds: what else this process does only makes a run dearer. */
export function cheapestOf(runs: number, run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let index = 0; index < runs; index++) {
    const start = cpuMs();
    run();
    best = Math.min(best, cpuMs() - start);
  }
  return best;
}
