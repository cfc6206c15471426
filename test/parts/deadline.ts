// Taken when this file is loaded, so that a test that fakes the clock still has deadlines in real time.
const { setTimeout, clearTimeout } = globalThis;
const now = performance.now.bind(performance);

/** Waits for a promise, but no longer than `ms`; the label says what did not come. */
export async function within<T>(ms: number, label: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_fulfil, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${label}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until the condition holds, looking again after each turn of the event loop that took a few milliseconds. */
export async function until(label: string, condition: () => boolean | Promise<boolean>, ms = 5000): Promise<void> {
  const end = now() + ms;
  while (!(await condition())) {
    if (now() > end) throw new Error(`not within ${ms} ms: ${label}`);
    await new Promise((fulfil) => setTimeout(fulfil, 5));
  }
}
