/** What the service asks of a model, whoever computes it. */
import type { Raster } from '../../core/index.ts';
import type { Answer, OpenedModel } from '../protocol.ts';

export interface WidgetModel {
  readonly task: string;
  readonly path: OpenedModel['path'];
  readonly classNames: readonly string[];
  /** What computes, for people. */
  readonly description: string;
  readonly device: OpenedModel['device'];
  /** `prepared`: the time (performance.now) at which the model's own work began. */
  predict(
    image: Raster,
    candidates: readonly string[],
  ): Promise<Omit<Answer, 'times' | 'width' | 'height'> & { readonly prepared: number }>;
  /** Rejects when the device that computes is gone. */
  readonly lost: Promise<never> | undefined;
  /** Called once after the first answer, when nobody waits. */
  improve(): Promise<void>;
  /** Whether runs are replayed from a recording, and why not. */
  readonly recording: { readonly captured: boolean; readonly capture: string };
  dispose(): Promise<void>;
}
