/** No gateway at all: what the harness itself can do. Its CPU figure is empty, for there is nothing under test. */
export const direct = {
  name: 'direct',
  hasAuth: false,

  /** @type {import('./index.mjs').Peer['start']} */
  async start({ upstreamPort }) {
    return { port: upstreamPort, paths: { sse: '/sse' } };
  },
};
