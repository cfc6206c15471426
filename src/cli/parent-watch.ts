const INTERVAL_MS = 2000;

/**
 * Tells once when the process that started this one is gone: that closes stdin only where nobody else holds its other
 * end, and is all there is when a launcher such as npx was killed. `parentId` is best taken at the very start.
 */
export function watchParent(parentId: number, gone: () => void, intervalMs = INTERVAL_MS): void {
  const timer = setInterval(() => {
    // Elsewhere an orphan gets a new parent; on Windows it keeps the number of the old one.
    if (process.ppid === parentId && isAlive(parentId)) return;
    clearInterval(timer);
    gone();
  }, intervalMs);
  timer.unref();
}

function isAlive(id: number): boolean {
  // 0 is said inside containers, of a parent outside.
  if (id === 0) return true;
  try {
    process.kill(id, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
