export function findFreePort(wanted?: number): Promise<number>;
