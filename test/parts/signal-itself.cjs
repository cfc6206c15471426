// Preloaded with --require: sends the process the signal that SIGNAL_ITSELF names as soon as it listens for it.
process.on('newListener', (event) => {
  if (event === process.env.SIGNAL_ITSELF) setImmediate(() => process.kill(process.pid, event));
});
