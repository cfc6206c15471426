import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, MAX_QUEUED_STATEMENTS, openDatabase } from '../../src/demo/database.ts';
import { loadPglite } from '../../src/demo/load-pglite.ts';

let database: Database;
const warnings: string[] = [];

beforeAll(async () => {
  const logger = { warn: (message: string) => warnings.push(message) };
  database = await openDatabase(await loadPglite(), { logger, statementTimeoutMs: 300 });
}, 60_000);
afterAll(() => database.close());

const countStreams = () => database.query('SELECT count(*) FROM main.streams', [], 1);

it('gives back a waiting statement whose signal aborts, and refuses what the queue cannot hold', async () => {
  const controller = new AbortController();
  const running = countStreams();
  const waiting = database.query('SELECT 1', [], 1, controller.signal);
  controller.abort(new Error('gone'));
  const filling = Array.from({ length: MAX_QUEUED_STATEMENTS - 2 }, countStreams);
  await expect(countStreams()).rejects.toThrow('too many statements are waiting');
  await expect(waiting).rejects.toThrow('gone');
  for (const { rows } of [await running, ...(await Promise.all(filling))]) expect(rows).toEqual([['6']]);
});

it('ends a statement at its timeout without holding up this thread, and answers the next', async () => {
  let ticks = 0;
  const clock = setInterval(() => {
    ticks += 1;
  }, 10);
  await expect(database.query('SELECT pg_sleep(1000)', [], 1)).rejects.toThrow(
    'canceling statement due to statement timeout (0.3 s; the demo database starts again)',
  );
  clearInterval(clock);
  expect(ticks).toBeGreaterThan(5);
  expect((await countStreams()).rows).toEqual([['6']]);
  expect(warnings.splice(0)).toHaveLength(1);
}, 60_000);

it('starts again when a statement breaks PGlite itself', async () => {
  const statement = "DO $$ BEGIN RESET ROLE; COPY (SELECT 1) TO PROGRAM 'id'; END $$";
  await expect(database.query(statement, [], 1)).rejects.toThrow('the statement broke the demo database');
  expect((await countStreams()).rows).toEqual([['6']]);
  expect(warnings.splice(0)).toHaveLength(1);
}, 60_000);

it('stops a start when its signal aborts', async () => {
  const controller = new AbortController();
  const opening = openDatabase(await loadPglite(), { logger: { warn: () => {} }, signal: controller.signal });
  controller.abort(new Error('never mind'));
  await expect(opening).rejects.toThrow('never mind');
});

it('refuses statements once it is closed', async () => {
  const waiting = [database.query('SELECT pg_sleep(0.1)', [], 1), countStreams()];
  const outcomes = Promise.allSettled(waiting);
  await database.close();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(countStreams()).rejects.toThrow('the demo is closing');
});
