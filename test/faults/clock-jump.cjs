// Preloaded into a bridge: its wall clock goes on an hour later once the file named in CLOCK_JUMP_WHEN exists, while
// timers and the monotonic clock notice nothing, as after the sleep of a laptop.
const { appendFileSync, existsSync } = require('node:fs');

const HOUR_MS = 3_600_000;
const RealDate = Date;
let offsetMs = 0;

globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [RealDate.now() + offsetMs] : args));
  }

  static now() {
    return RealDate.now() + offsetMs;
  }
};

const timer = setInterval(() => {
  if (!existsSync(process.env.CLOCK_JUMP_WHEN)) return;
  offsetMs = HOUR_MS;
  clearInterval(timer);
}, 50).unref();

appendFileSync(process.env.CLOCK_JUMP_LOADED, `${process.pid}\n`);
