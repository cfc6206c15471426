export function findFreePort(wanted?: number): Promise<number>;
export function findFreePorts(count: number): Promise<number[]>;
