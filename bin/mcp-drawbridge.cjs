#!/usr/bin/env node
// Old syntax on purpose: an old Node must get as far as this message.
var major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  process.stderr.write(
    'error  mcp-drawbridge needs Node.js 20 or newer\n' +
      'why    this is Node.js ' + process.versions.node + ' at ' + process.execPath + '\n' +
      'try    Install a newer Node.js, or name its full path as the "command" in the configuration of your MCP client.\n'
  );
  process.exit(2);
}
// Node 22 and later keep what they compiled, in a folder that is the user's own: who can write there can run code here.
var enableCompileCache = require('module').enableCompileCache;
if (enableCompileCache) {
  try {
    enableCompileCache(require('path').join(require('os').homedir(), '.cache', 'mcp-drawbridge'));
  } catch (_homeless) {
    // It is only slower.
  }
}
// The package is built; a clone may not be.
if (!require('fs').existsSync(require('path').join(__dirname, '../dist/cli/main.cjs'))) {
  process.stderr.write(
    'error  mcp-drawbridge is not built yet\n' +
      'why    ' + require('path').join(__dirname, '../dist') + ' is made by its build\n' +
      'try    In the folder of the clone: npm ci && npm run build\n'
  );
  process.exit(2);
}
require('../dist/cli/main.cjs').main(process.argv.slice(2));
