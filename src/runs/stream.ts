/**
 * The one event stream of a run. Each event is stamped, written to `events.jsonl`, handed to the tracker, and
 * only then given to whoever reads the run: what a reader saw is on disk.
 */
import type { RunEvent, RunEventBody, RunListener } from '../core/index.ts';
import type { EventLog } from './folder.ts';

export class RunStream {
  private readonly listeners: RunListener[] = [];
  /** Events that came from elsewhere (the tracker) between two of the run's own. */
  private readonly asides: RunEventBody[] = [];

  /** The type of the event that was told last. */
  last: RunEvent['type'] | undefined;

  constructor(private readonly log: EventLog) {}

  listen(listener: RunListener): void {
    this.listeners.push(listener);
  }

  /** Takes an event from outside of the run's own course; it comes out before the next one. */
  readonly aside = (event: RunEventBody): void => {
    this.asides.push(event);
  };

  /** Tells events, the asides first. */
  async *tell(...events: readonly (RunEventBody | RunEvent)[]): AsyncGenerator<RunEvent> {
    for (const body of [...this.asides.splice(0), ...events]) yield await this.record(body);
  }

  /** Tells an event while the run stands still: listeners get it at once, readers of the run do not. */
  async tellNow(body: RunEventBody): Promise<void> {
    await this.record(body);
  }

  private async record(body: RunEventBody | RunEvent): Promise<RunEvent> {
    const event = ('time' in body ? body : { ...body, time: new Date().toISOString() }) as RunEvent;
    try {
      await this.log.write(event);
    } catch (error) {
      // A disk that is full, for example: whoever listens is told how the run ended all the same.
      if (event.type !== 'failed' && event.type !== 'stopped') throw error;
    }
    for (const listener of this.listeners) listener(event);
    this.last = event.type;
    return event;
  }
}
