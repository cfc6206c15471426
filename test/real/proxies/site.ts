/** How clients of the test reach a proxy's site. */
import type { LookupFunction } from 'node:net';

/** Where the name leads that the shipped files have: db.example.com is this machine. */
export const toLoopback: LookupFunction = (_host, { all }, callback) => {
  if (all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
  else callback(null, '127.0.0.1', 4);
};
