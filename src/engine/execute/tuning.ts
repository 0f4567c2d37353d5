/**
 * Which form of a kernel is fastest differs from adapter to adapter. Kernels that have several forms (tiles of a
 * matrix product) look theirs up here by a key that names the kernel and its shape; where nothing was measured
 * they take what they think best, which is always right, if not always fastest.
 *
 * Choices change the order of sums, and so the last bits of results. So once a run has looked a key up its choice
 * stands, default or not; `choices()` goes into checkpoints and `adopt` gives a resumed run those of the first.
 * Between runs they are kept for this machine, by adapter.
 */
import { machineNotes } from '#platform';
import type { Gpu } from '../backends/gpu.ts';

/** By key: the name of a form, or '' for the kernel's own default. */
export type TuningChoices = Readonly<Record<string, string>>;

/** What is kept for the machine: by adapter, by key. */
interface Note {
  readonly version: number;
  readonly adapters: Readonly<Record<string, TuningChoices>>;
}

/** Raised when the forms that names stand for change. */
const version = 1;
const noteName = 'tuning';

const stores = new WeakMap<GPUDevice, TuningStore>();

export class TuningStore {
  private readonly decided = new Map<string, string>();
  private loading: Promise<void> | undefined;
  private changed = false;
  private frozen = false;

  private constructor(private readonly adapter: string) {}

  static of(gpu: Gpu): TuningStore {
    let store = stores.get(gpu.device);
    if (!store) {
      store = new TuningStore([gpu.name, ...gpu.features].join(' | '));
      stores.set(gpu.device, store);
    }
    return store;
  }

  /** For the planner. Looking a key up decides it. */
  readonly lookup: ReadonlyMap<string, string> = new Lookup((key) => {
    const choice = this.decided.get(key);
    if (choice === undefined) this.decided.set(key, '');
    return choice || undefined;
  });

  /** Reads what earlier runs on this machine measured. */
  async load(): Promise<void> {
    this.loading ??= (async () => {
      const note = asNote(await machineNotes.read(noteName));
      for (const [key, form] of Object.entries(note.adapters[this.adapter] ?? {})) {
        if (form !== '' && !this.decided.has(key)) this.decided.set(key, form);
      }
    })();
    await this.loading;
  }

  isDecided(key: string): boolean {
    return this.frozen || this.decided.has(key);
  }

  /** Decides a key by what was measured. */
  decide(key: string, form: string): void {
    this.decided.set(key, form);
    this.changed = true;
  }

  /** Keeps what was measured for later runs. A machine where nothing can be kept measures again. */
  async save(): Promise<void> {
    if (!this.changed) return;
    this.changed = false;
    const { adapters } = asNote(await machineNotes.read(noteName));
    const measured = Object.fromEntries([...this.decided].filter(([, form]) => form !== ''));
    const note: Note = {
      version,
      adapters: { ...adapters, [this.adapter]: { ...adapters[this.adapter], ...measured } },
    };
    await machineNotes.write(noteName, note);
  }

  /** What was decided so far, to be kept with a run. */
  choices(): TuningChoices {
    return Object.fromEntries([...this.decided].toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Takes the choices of an earlier run; nothing is measured any more, and other keys get their default. */
  adopt(choices: TuningChoices): void {
    this.decided.clear();
    for (const [key, form] of Object.entries(choices)) this.decided.set(key, form);
    this.frozen = true;
    this.loading = Promise.resolve();
  }
}

/** A map whose contents come from a function. */
class Lookup extends Map<string, string> {
  constructor(private readonly find: (key: string) => string | undefined) {
    super();
  }

  override get(key: string): string | undefined {
    return this.find(key);
  }

  override has(key: string): boolean {
    return this.find(key) !== undefined;
  }
}

/** A note of another version, or what is no note, counts as empty. */
function asNote(value: unknown): Note {
  const empty: Note = { version, adapters: {} };
  if (typeof value !== 'object' || value === null) return empty;
  const { version: its, adapters } = value as Partial<Note>;
  if (its !== version || typeof adapters !== 'object' || adapters === null) return empty;
  const valid = Object.entries(adapters).filter(
    ([, choices]) =>
      typeof choices === 'object' &&
      choices !== null &&
      Object.values(choices).every((form) => typeof form === 'string'),
  );
  return { version, adapters: Object.fromEntries(valid) };
}
