/** One clock for all processes of this machine, in milliseconds. */
export function monotonicMs() {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** @param {number} ms @returns {Promise<void>} */
export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
