/** A body that must be refused wherever it is sent, and of which the server behind the gateway must see nothing. */
import { expect } from 'vitest';
import type { GatewayDoors } from './gateway-doors.ts';
import { JSON_HEADERS, send } from './raw-http.ts';
import { openSse } from './raw-sse-session.ts';

/** Sends the body to a session over SSE and to the route of Streamable HTTP; throws unless each answers 400 with the code. */
export async function expectRefusedBody(
  doors: GatewayDoors,
  body: string | Buffer,
  code: number,
  why?: string,
): Promise<void> {
  const session = await openSse(doors.origin, '/sse', doors.alice);
  const before = doors.upstream.posts.length;
  for (const path of [session.endpoint, '/mcp']) {
    const answer = await send(doors.origin, {
      method: 'POST',
      path,
      body,
      headers: { ...JSON_HEADERS, ...doors.alice },
    });
    expect(answer.status, answer.body).toBe(400);
    expect(JSON.parse(answer.body)).toMatchObject({ jsonrpc: '2.0', id: null, error: { code } });
    if (why !== undefined) expect(answer.body).toContain(why);
  }
  expect(doors.upstream.posts.length).toBe(before);
  session.close();
}
