/** Runs `work` while no other process on this machine runs its own under the same lock folder. */
export function withLock<T>(folder: string, deadlineMs: number, work: () => Promise<T>): Promise<T>;
