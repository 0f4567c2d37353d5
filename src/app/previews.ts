/**
 * Live predictions: asks the worker what the model says now about a few validation images. Each costs the run the
 * time of a forward pass, so they come the more rarely the longer they take, and not at all while the page is hidden.
 */
import { type ReadonlySignal, signal } from '@preact/signals';
import type { PreviewResult, TrainingClient } from '../client/index.ts';

const soonestMs = 1500;
/** A preview may take this share of the run's time. */
const share = 0.05;
const shownImages = [0, 1, 2, 3, 4, 5, 6, 7];

export class Previews {
  private readonly latest = signal<PreviewResult | undefined>(undefined);
  private readonly blobs = signal<ReadonlyMap<number, Blob>>(new Map());
  private timer: ReturnType<typeof setTimeout> | undefined;
  private going = false;
  private asking = false;

  constructor(
    private readonly client: TrainingClient,
    private readonly isRunning: () => boolean,
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

  /** Once more, soon: the run is about to end. */
  hurry(): void {
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
    if (document.visibilityState === 'visible' && this.isRunning()) {
      const begin = performance.now();
      this.asking = true;
      try {
        const result = await this.client.worker.preview({ images: shownImages });
        if (!this.going) return;
        if (this.blobs.peek().size === 0) await this.fetchPictures();
        this.latest.value = result;
      } catch {
        // The run ended meanwhile; its end says how.
        if (!this.going) return;
      } finally {
        this.asking = false;
      }
      wait = Math.max(soonestMs, (performance.now() - begin) / share);
    }
    this.timer = setTimeout(() => void this.turn(), Math.min(wait, 60_000));
  }

  private async fetchPictures(): Promise<void> {
    const images = await this.client.worker.dataImages('val', shownImages);
    this.blobs.value = new Map(images.map(({ index, picture }) => [index, picture]));
  }
}
