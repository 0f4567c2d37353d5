/**
 * Tables are read in a thread that is watched: a spoiled page of a Parquet file can announce runs of billions of
 * values, and the decoder believes it. Nothing but ending the thread stops that, and its memory is bounded too.
 */
import { openThread } from '#platform';
import { DataError } from '../../core/index.ts';

/** Milliseconds that a table may take: many times what a slow machine needs. */
const shortest = 20_000;
const perMegabyte = 10_000;
/** Bytes of the thread's objects; a million rows at a time take a third of it. */
const memory = 1.2e9;

export interface TableQuestion {
  readonly source: string;
  readonly table: Uint8Array;
}

/**
 * What the thread for annotations answers about a table.
 *
 * @param patience milliseconds
 */
export async function readWatchedTable<Answer>(
  table: Uint8Array,
  name: string,
  patience = shortest + (table.byteLength / 1e6) * perMegabyte,
): Promise<Answer> {
  const thread = openThread<TableQuestion, Answer>('annotations', { memory });
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tired = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(endless(name, `no end after ${Math.round(patience / 1000)} s`)),
      patience,
    );
  });
  try {
    const bytes = table.byteLength === table.buffer.byteLength ? table : table.slice();
    const answer = thread.ask({ source: name, table: bytes }, [bytes.buffer as ArrayBuffer]);
    return await Promise.race([answer, tired]).catch((error: unknown) => {
      const { code } = error as { readonly code?: unknown };
      throw code === 'ERR_WORKER_OUT_OF_MEMORY' ? endless(name, 'more values than fit in memory') : error;
    });
  } finally {
    clearTimeout(timer);
    await thread.dispose();
  }
}

/** Far more values than rows that are decoded at a time. */
const longestArray = 2 ** 25;

/**
 * In the thread, which is a table's own: an array that a run without end fills throws at that index, by a setter that all
 * arrays inherit. Left alone it grows until the engine ends the whole process, which no limit of a thread prevents.
 */
export function boundArrays(name: string): void {
  if (Object.hasOwn(Array.prototype, longestArray)) return;
  Object.defineProperty(Array.prototype, longestArray, {
    set() {
      throw endless(name, 'more values than fit in memory');
    },
  });
}

function endless(name: string, received: string): DataError {
  return new DataError({
    code: 'table_invalid',
    expected: `a Parquet file as long as it says in ${name}`,
    received,
    fix: 'the file is spoiled, or far too large for one table: write it again',
  });
}
