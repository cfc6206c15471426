// Preloaded with --require: looking up localhost brings ::1 first, as many systems do, Windows among them.
const dns = require('node:dns');

const lookup = dns.lookup;
const BOTH = [
  { address: '::1', family: 6 },
  { address: '127.0.0.1', family: 4 },
];
dns.lookup = function patched(host, options, callback) {
  const done = callback ?? options;
  if (host !== 'localhost') return lookup.call(dns, host, options, callback);
  const wantsAll = typeof options === 'object' && options.all === true;
  process.nextTick(() => (wantsAll ? done(null, BOTH) : done(null, '::1', 6)));
};
