import type { messages } from '@electric-sql/pglite';
import type { Protocol } from './load-pglite.ts';
import { READER_ROLE } from './sample-data.ts';

/** One column of an answer; `typeId` is the OID of its type in pg_type. */
export interface Column {
  readonly name: string;
  readonly typeId: number;
}

/** A query's answer. Values are PostgreSQL's own text, so no number has passed through a JavaScript one. */
export interface QueryResult {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly (string | null)[])[];
  /** True when there was at least one row more than was asked for. */
  readonly isTruncated: boolean;
}

/**
 * Encodes one statement in a read-only transaction that is always rolled back.
 *
 * The extended protocol takes exactly one statement, so that none can end the transaction and then go on; it also lets the
 * server stop at `maxRows` for every kind of statement. What outlives a transaction (prepared statements, advisory
 * locks) is discarded, so that one session's query leaves nothing for another's.
 */
export function encodeReadOnlyQuery(
  { serialize }: Protocol,
  sql: string,
  parameters: readonly string[],
  maxRows: number,
): Uint8Array {
  return Buffer.concat([
    serialize.query(`BEGIN READ ONLY; SET LOCAL ROLE ${READER_ROLE}; SET LOCAL TIME ZONE 'UTC'`),
    serialize.parse({ text: sql }),
    serialize.bind({ values: [...parameters] }),
    serialize.describe({ type: 'P' }),
    // One more than asked for tells "exactly maxRows" from "more".
    serialize.execute({ rows: maxRows + 1 }),
    serialize.sync(),
    serialize.query('ROLLBACK'),
    serialize.query('DISCARD ALL'),
  ]);
}

/** What came back for one batch of {@link encodeReadOnlyQuery}. */
export interface Answer {
  readonly result: QueryResult;
  /** PostgreSQL's message, with detail and hint, when the statement failed. */
  readonly failure?: string;
  /** False when the batch broke off before its clean-up: what state the database is in, nobody knows. */
  readonly isComplete: boolean;
}

/** Decodes the answer to {@link encodeReadOnlyQuery}. */
export function decodeAnswer({ Parser }: Protocol, bytes: Uint8Array, maxRows: number): Answer {
  let columns: Column[] = [];
  const rows: (string | null)[][] = [];
  let failure: string | undefined;
  let lastCommand = '';
  new Parser().parse(Buffer.from(bytes), (message) => {
    if (message.name === 'rowDescription') {
      const { fields } = message as messages.RowDescriptionMessage;
      columns = fields.map(({ name, dataTypeID }) => ({ name, typeId: dataTypeID }));
    } else if (message.name === 'dataRow') {
      rows.push((message as messages.DataRowMessage).fields);
    } else if (message.name === 'commandComplete') {
      lastCommand = (message as messages.CommandCompleteMessage).text;
    } else if (message.name === 'error') {
      failure ??= describeError(message as messages.DatabaseError);
    } else if (message.name === 'copyOutResponse') {
      failure ??= 'COPY is not supported here; use SELECT';
    }
  });
  return {
    result: { columns, rows: rows.slice(0, maxRows), isTruncated: rows.length > maxRows },
    ...(failure !== undefined && { failure }),
    isComplete: lastCommand === 'DISCARD ALL',
  };
}

function describeError({ message, detail, hint }: messages.DatabaseError): string {
  return [message, detail && `DETAIL: ${detail}`, hint && `HINT: ${hint}`].filter(Boolean).join('\n');
}
