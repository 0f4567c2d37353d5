/**
 * Which runs this browser has, in IndexedDB: a page that was reloaded finds them again. The files of a run are in
 * OPFS; here is what a list of runs shows, and what a resumed run reads its data from. The worker writes, page and
 * worker read.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { Metrics } from '../core/index.ts';
import type { Places } from './protocol.ts';

/** `interrupted`: its tab or worker ended in the middle; there may be a checkpoint to go on from. */
export type RunStatus = 'running' | 'paused' | 'stopped' | 'finished' | 'failed' | 'interrupted';

export interface RunRecord {
  /** The run folder, which is its name here. */
  readonly run: string;
  readonly name: string;
  readonly task: string;
  readonly model: string;
  readonly device: string;
  readonly status: RunStatus;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly step: number;
  readonly totalSteps: number;
  /** The newest checkpoint; missing before the first. */
  readonly checkpoint?: string | undefined;
  /** Of the last evaluation. */
  readonly metrics: Metrics;
  /** It was trained elsewhere, and its data are not open here yet: the places of its recipe that say so. */
  readonly dataMissing?: readonly string[] | undefined;
  /** Why it failed. */
  readonly problem?: { readonly code: string; readonly message: string; readonly hint: string } | undefined;
}

interface Schema extends DBSchema {
  runs: { key: string; value: RunRecord };
  places: { key: string; value: { readonly run: string; readonly places: Places } };
}

/** Where other tabs hear that a run came, went, or is in another state. */
const announcements = 'ocelli-runs';

function announce(): void {
  const channel = new BroadcastChannel(announcements);
  channel.postMessage(null);
  channel.close();
}

/** Calls back whenever the list of runs has changed, here or in another tab; not for every step. */
export function onRunsChanged(callback: () => void): void {
  new BroadcastChannel(announcements).addEventListener('message', callback);
}

/** A note for each run that is being copied into this browser (worker/import). */
export const importNotes = '/.ocelli/imports';

/** The Web Lock that a live run holds. */
export const runLock = (run: string): string => `ocelli-run:${run}`;

export class RunIndex {
  private constructor(private readonly database: IDBPDatabase<Schema>) {}

  static async open(): Promise<RunIndex> {
    const database = await openDB<Schema>('ocelli', 1, {
      upgrade(created) {
        created.createObjectStore('runs', { keyPath: 'run' });
        created.createObjectStore('places', { keyPath: 'run' });
      },
      // Another tab with a newer page waits for us.
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    });
    return new RunIndex(database);
  }

  /** Newest first. `alive` are the locks that are held: a run without one does not run any more. */
  async list(alive: ReadonlySet<string>): Promise<RunRecord[]> {
    const records = await this.database.getAll('runs');
    return records
      .map((record) => {
        const running = record.status === 'running' || record.status === 'paused';
        return running && !alive.has(runLock(record.run))
          ? { ...record, status: 'interrupted' as const }
          : record;
      })
      .sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
  }

  get(run: string): Promise<RunRecord | undefined> {
    return this.database.get('runs', run);
  }

  async put(record: RunRecord): Promise<void> {
    const before = await this.get(record.run);
    await this.database.put('runs', record);
    if (before?.status !== record.status) announce();
  }

  async places(run: string): Promise<Places | undefined> {
    return (await this.database.get('places', run))?.places;
  }

  /** Handles of folders are kept as such; archives and files are copied by the browser. */
  async keepPlaces(run: string, places: Places): Promise<void> {
    await this.database.put('places', { run, places });
  }

  async remove(run: string): Promise<void> {
    await this.database.delete('places', run);
    await this.database.delete('runs', run);
    announce();
  }

  close(): void {
    this.database.close();
  }
}
