// Preloaded with --require: sends the process the signal that SIGNAL_ITSELF names as soon as it listens for it. One that
// this system does not have, such as SIGBREAK, is only told to those who listen.
const { signals } = require('node:os').constants;

process.on('newListener', (event) => {
  if (event !== process.env.SIGNAL_ITSELF) return;
  setImmediate(() => (event in signals ? process.kill(process.pid, event) : process.emit(event)));
});
