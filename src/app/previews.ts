/**
 * Live predictions: asks the worker what the model says now about a few validation images. Each costs the run the
 * time of a forward pass, so they come the more rarely the longer they take, and not at all while the page is hidden.
 */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { PreviewResult, TrainingClient } from '../client/index.ts';
import { spreadOver } from './spread.ts';

const soonestMs = 1500;
/** A preview may take this share of the run's time. */
const share = 0.08;
export const shownImages = 8;

export type Pace = 'none' | 'now and then' | 'every step';

export class Previews {
  private readonly latest = signal<PreviewResult | undefined>(undefined);
  private readonly blobs = signal<ReadonlyMap<number, Blob>>(new Map());
  private timer: ReturnType<typeof setTimeout> | undefined;
  private going = false;
  private asking = false;

  constructor(
    private readonly client: TrainingClient,
    private readonly pace: () => Pace,
    /** How many validation images there are. */
    private readonly total: () => number,
  ) {}

  get result(): ReadonlySignal<PreviewResult | undefined> {
    return this.latest;
  }

  get pictures(): ReadonlySignal<ReadonlyMap<number, Blob>> {
    return this.blobs;
  }

  start(): void {
    if (this.going) return;
    this.going = true;
    void this.turn();
  }

  /** Now, whatever was planned: the run stands still. */
  refresh(): void {
    if (!this.going || this.asking) return;
    clearTimeout(this.timer);
    void this.turn();
  }

  stop(): void {
    this.going = false;
    clearTimeout(this.timer);
  }

  clear(): void {
    this.stop();
    this.latest.value = undefined;
    this.blobs.value = new Map();
  }

  private async turn(): Promise<void> {
    let wait = soonestMs;
    if (document.visibilityState === 'visible' && this.pace() !== 'none') {
      this.asking = true;
      try {
        const result = await this.client.worker.preview({ images: this.chosen() });
        if (!this.going) return;
        if (this.blobs.peek().size === 0) await this.fetchPictures();
        this.latest.value = result;
        wait = Math.max(soonestMs, result.ms / share);
      } catch {
        // The run ended meanwhile; its end says how.
        if (!this.going) return;
      } finally {
        this.asking = false;
      }
    }
    // The last picture is that of the last steps: one question is always open then.
    const next = this.pace() === 'every step' ? 0 : Math.min(wait, 60_000);
    this.timer = setTimeout(() => void this.turn(), next);
  }

  private chosen(): number[] {
    return spreadOver(this.total(), shownImages);
  }

  private async fetchPictures(): Promise<void> {
    const images = await this.client.worker.dataImages('val', this.chosen());
    this.blobs.value = new Map(images.map(({ index, picture }) => [index, picture]));
  }
}
