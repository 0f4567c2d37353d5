/**
 * A run's folder: its name, its event log, and what a resumed run does with the lines behind its checkpoint.
 *
 *   recipe.yaml  events.jsonl  [events.superseded.jsonl]  checkpoints/  model/  predictions/  report/
 */
import { files } from '#platform';
import { ConfigError, type RunEvent } from '../core/index.ts';

export class RunFolder {
  constructor(readonly path: string) {}

  get checkpoints(): string {
    return `${this.path}/checkpoints`;
  }

  file(name: string): string {
    return `${this.path}/${name}`;
  }

  /** Refuses a folder with the checkpoints or the model of another run; one that failed before may be begun again. */
  async checkUnused(): Promise<void> {
    const kept = (await files.stat(this.checkpoints)) ? await files.list(this.checkpoints) : [];
    if (kept.length === 0 && !(await files.stat(this.file('model')))) return;
    throw new ConfigError({
      code: 'run_folder_taken',
      expected: 'a new folder for this run',
      received: `${this.path}, where a run has left its checkpoints`,
      fix: `go on with it by --resume ${this.path}, or choose another --out`,
    });
  }

  async readText(name: string): Promise<string> {
    return new TextDecoder().decode(await files.read(this.file(name)));
  }
}

/** `runs/<run name>-<time>`, with characters that every file system takes. */
export function runFolderName(runName: string, time: Date): string {
  const stamp = time
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replaceAll(/[-:]/g, '')
    .replace('T', '-');
  return `${runName.replaceAll(/[^\p{L}\p{N}._-]+/gu, '-').replaceAll(/^[-.]+|-+$/g, '') || 'run'}-${stamp}`;
}

/** `events.jsonl`: one event a line, in the order in which they happened. */
export class EventLog {
  private constructor(
    private readonly path: string,
    private readonly supersededPath: string,
    private lines: number,
  ) {}

  /**
   * Opens the log of a folder. A line that was cut off in the middle of writing is dropped; with `keep`, whole
   * lines behind the first `keep` move to `events.superseded.jsonl`.
   */
  static async open(folder: RunFolder, keep?: number): Promise<EventLog> {
    const path = folder.file('events.jsonl');
    const superseded = folder.file('events.superseded.jsonl');
    if (!(await files.stat(path))) return new EventLog(path, superseded, 0);
    const text = new TextDecoder().decode(await files.read(path));
    const whole = text.split('\n').slice(0, -1);
    const log = new EventLog(path, superseded, whole.length);
    if (keep !== undefined && keep < whole.length) await log.supersede(whole, keep);
    else if (!text.endsWith('\n') && text !== '') await files.write(path, joined(whole));
    return log;
  }

  /** Events written so far. */
  get count(): number {
    return this.lines;
  }

  async write(event: RunEvent): Promise<void> {
    await files.append(this.path, `${JSON.stringify(event)}\n`);
    this.lines++;
  }

  /** Moves whole lines behind the first `keep` aside, while the log is open. */
  async keepFirst(keep: number): Promise<void> {
    if (keep >= this.lines) return;
    const text = new TextDecoder().decode(await files.read(this.path));
    await this.supersede(text.split('\n').slice(0, -1), keep);
  }

  private async supersede(whole: readonly string[], keep: number): Promise<void> {
    await files.append(this.supersededPath, joined(whole.slice(keep)));
    await files.write(this.path, joined(whole.slice(0, keep)));
    this.lines = keep;
  }
}

const joined = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
