/** The releases of each line that have the last security fixes known when this was written, in HTTP above all. */
const FLOORS: Readonly<Record<number, readonly [minor: number, patch: number]>> = {
  20: [20, 0],
  22: [22, 0],
  24: [13, 0],
};

/** Why this Node should not stand at a front door; undefined where nothing is known against it. `version` is as `process.version`. */
export function whyNodeIsOld(version: string): string | undefined {
  const [major = 0, minor = 0, patch = 0] = version.replace(/^v/, '').split('.').map(Number);
  const floor = FLOORS[major];
  if (floor === undefined) return major < 20 ? `Node ${version} is older than 20` : undefined;
  if (minor > floor[0] || (minor === floor[0] && patch >= floor[1])) return undefined;
  return `Node ${version} lacks security fixes that are in ${major}.${floor.join('.')}`;
}
