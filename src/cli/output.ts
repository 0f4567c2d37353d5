/**
 * Where the command line writes. Three readers, three streams:
 *
 *   a program (`--json`)   one JSON object per line on stdout, and nothing else there
 *   a person, piped        results and progress as plain lines on stdout
 *   a person, at a terminal  the same, with one progress line that is rewritten in place
 *
 * Warnings and errors go to stderr; with `--json` all text for people goes there. `--quiet` leaves out progress
 * and remarks, never results, warnings or errors. A reader that goes away (`| head`) is no error: what is written
 * after that is dropped and the work goes on.
 */
export interface OutputOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Keeps the process alive when the reader of a stream goes away; any other error of the stream is thrown. */
export function onReaderGone(stream: NodeJS.WriteStream, then: () => void = () => {}): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    then();
  });
}

export class Output {
  private readonly gone = new Set<NodeJS.WriteStream>();
  private progressShown = false;
  /** Whether programs were told of the failure already, by the run itself. */
  failureTold = false;

  constructor(
    readonly options: OutputOptions,
    private readonly stdout: NodeJS.WriteStream = process.stdout,
    private readonly stderr: NodeJS.WriteStream = process.stderr,
  ) {
    for (const stream of [stdout, stderr]) onReaderGone(stream, () => this.gone.add(stream));
  }

  /** Whether a progress line can be rewritten in place. */
  get live(): boolean {
    return this.people.isTTY === true && !this.options.quiet;
  }

  /** How many characters a progress line may have. */
  get width(): number {
    return this.people.columns || 80;
  }

  /** An object for programs; people don't see it. */
  json(value: unknown): void {
    if ((value as { type?: unknown }).type === 'failed') this.failureTold = true;
    if (this.options.json) this.write(this.stdout, `${JSON.stringify(value)}\n`);
  }

  /** What the command was asked for: shown even with `--quiet`. */
  result(text: string): void {
    this.line(this.people, text);
  }

  /** A remark or a step of progress. */
  say(text: string): void {
    if (!this.options.quiet) this.line(this.people, text);
  }

  warn(text: string): void {
    this.line(this.stderr, `Warning: ${text}`);
  }

  error(text: string): void {
    this.line(this.stderr, text);
  }

  /** Rewrites the progress line; only where `live`. */
  progress(text: string): void {
    if (!this.live) return;
    this.write(this.people, `\r\u001b[2K${text.slice(0, this.width - 1)}`);
    this.progressShown = true;
  }

  private get people(): NodeJS.WriteStream {
    return this.options.json ? this.stderr : this.stdout;
  }

  private line(stream: NodeJS.WriteStream, text: string): void {
    if (this.progressShown) {
      this.write(this.people, '\r\u001b[2K');
      this.progressShown = false;
    }
    this.write(stream, `${text}\n`);
  }

  private write(stream: NodeJS.WriteStream, text: string): void {
    if (!this.gone.has(stream)) stream.write(text);
  }
}
