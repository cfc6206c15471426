export function monotonicMs(): number;
