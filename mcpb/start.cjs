#!/usr/bin/env node
// Starts the bridge with what stands in the form of the bundle.

/** A field that was left empty arrives empty, or as the name of the field in braces: never as a value. */
function filled(name) {
  const value = (process.env[`FORM_${name}`] || '').trim();
  return /^\$\{user_config\.\w+\}$/.test(value) ? '' : value;
}

function put(name, value) {
  if (value !== '') process.env[`DRAWBRIDGE_${name}`] = value;
}

// Taken from the environment by its name, so that nothing in the token means anything.
const token = filled('TOKEN').replace(/^bearer\s+/i, '');
process.env.FORM_TOKEN = token;
const headers = [token === '' ? '' : 'Authorization: Bearer ${FORM_TOKEN}', filled('HEADER')];
put('HEADER', headers.filter(Boolean).join('\n'));
put('ALLOW_HTTP', filled('ALLOW_HTTP'));
put('SSH', filled('SSH'));
put('SSH_KEY', filled('SSH_KEY'));
put('CA', filled('CA'));
put('FAMILY', filled('FAMILY'));
put('CONFIG', filled('CONFIG'));

// An empty URL too: the bridge says so to the client.
process.argv = [process.argv[0], process.argv[1], 'bridge', filled('URL')];
require('./bin/mcp-drawbridge.cjs');
