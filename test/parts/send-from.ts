/** A request from another loopback address than 127.0.0.1, as a stranger's would come from elsewhere. */
import { request } from 'node:http';
import type { RawRequest } from './raw-http.ts';

/** The status of the answer. */
export function sendFrom(
  address: string,
  port: number,
  { method = 'GET', path, headers = {}, body }: RawRequest,
): Promise<number> {
  return new Promise((fulfil, reject) => {
    const options = { host: '127.0.0.1', port, localAddress: address, method, path, headers, agent: false };
    request(options, (res) => {
      res.resume();
      fulfil(res.statusCode ?? 0);
    })
      .on('error', reject)
      .end(body);
  });
}
