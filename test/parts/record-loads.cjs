// Preloaded with --require: at the end writes what the process has loaded to the file that RECORD_LOADS_TO names.
const { writeFileSync } = require('node:fs');
const Module = require('node:module');

const load = Module._load;
const files = [];
Module._load = function recorded(request, parent, isMain) {
  if (!Module.isBuiltin(request)) files.push(Module._resolveFilename(request, parent, isMain));
  return load.call(this, request, parent, isMain);
};
process.on('exit', () => {
  const builtIn = process.moduleLoadList
    .filter((entry) => entry.startsWith('NativeModule '))
    .map((entry) => entry.slice('NativeModule '.length));
  writeFileSync(process.env.RECORD_LOADS_TO, JSON.stringify({ files, builtIn }));
});
