/** Waits of the fault suite: each has a deadline and says what did not come. */

/**
 * Waits for a promise, but no longer than `ms`.
 * @template T
 * @param {number} ms
 * @param {string} label what is awaited, for the error
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function within(ms, label, promise) {
  let timer;
  const late = new Promise((_fulfil, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${label}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Waits until the condition holds, looking again every few milliseconds.
 * @param {number} ms
 * @param {string} label
 * @param {() => boolean} condition
 */
export async function until(ms, label, condition) {
  const end = performance.now() + ms;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${ms} ms: ${label}`);
    await pass(5);
  }
}

/**
 * Lets time pass, where the time itself is what is staged: an outage of three seconds takes three seconds.
 * @param {number} ms
 */
export function pass(ms) {
  return new Promise((fulfil) => setTimeout(fulfil, ms));
}
