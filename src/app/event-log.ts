/**
 * The events of a run from before, read from its `events.jsonl` through the worker. A long log comes in slices, so that the page
 * stays smooth. The last line may be half a line: one that is being written, or that was when the tab was closed.
 */
import type { RunEvent } from '../core/index.ts';

/** Of the client, what reads files. */
export interface FileReader {
  readonly worker: { readFile(path: string): Promise<Blob> };
}

const linesAtOnce = 500;

/** A run that failed before its first event has none. */
export async function* readEvents(client: FileReader, run: string): AsyncGenerator<readonly RunEvent[]> {
  const lines = (await readText(client, `${run}/events.jsonl`)).split('\n');
  for (let at = 0; at < lines.length; at += linesAtOnce) {
    yield lines.slice(at, at + linesAtOnce).flatMap(eventsOf);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** What is missing is empty, not an error. */
export function readText(client: FileReader, path: string): Promise<string> {
  return client.worker.readFile(path).then(
    (file) => file.text(),
    () => '',
  );
}

function eventsOf(line: string): RunEvent[] {
  if (!line.endsWith('}')) return [];
  try {
    return [JSON.parse(line) as RunEvent];
  } catch {
    return [];
  }
}
