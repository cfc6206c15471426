// Preloaded with --require: db.example.com, which the documentation writes for a host of the reader's own, is 127.0.0.1.
const dns = require('node:dns');

const lookup = dns.lookup;
dns.lookup = function patched(host, options, callback) {
  const done = callback ?? options;
  if (host !== 'db.example.com') return lookup.call(dns, host, options, callback);
  const wantsAll = typeof options === 'object' && options.all === true;
  const address = '127.0.0.1';
  process.nextTick(() => (wantsAll ? done(null, [{ address, family: 4 }]) : done(null, address, 4)));
};
