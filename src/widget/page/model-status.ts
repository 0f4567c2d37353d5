/**
 * What the widget says of its model: how much of it has come, that it is ready or was started again, and the line that
 * names it, what computes, and how long the answer took.
 */
import type { Answer, Progress } from '../protocol.ts';
import type { HeldModel } from './connection.ts';
import type { View } from './view.ts';

export class ModelStatus {
  constructor(
    private readonly view: Pick<View, 'loading' | 'say' | 'describe'>,
    /** The place of the model. */
    private readonly name: () => string,
  ) {}

  opening(): void {
    this.view.loading('unknown');
    this.view.say('Loading the model …');
  }

  progress({ phase, received, total, file, cached }: Progress): void {
    this.view.loading(phase === 'model' && total && received !== undefined ? received / total : 'unknown');
    if (phase === 'runtime') this.view.say('Starting the model …');
    else if (file && !file.endsWith('.json') && !cached) {
      this.view.say(total ? `Loading the model, ${(total / 1e6).toFixed(1)} MB …` : 'Loading the model …');
    }
  }

  ready(model: HeldModel): void {
    this.view.loading(undefined);
    this.view.say('The model is ready.');
    this.describe(model);
  }

  recovered(): void {
    this.view.say('The device was lost; the model was started again.');
  }

  describe({ runtime }: Pick<HeldModel, 'runtime'>, answer?: Answer): void {
    const name = this.name().replace(/\/$/, '').split('/').slice(-2).join('/');
    const time = answer ? ` · ${Math.round(answer.times.total)} ms` : '';
    this.view.describe(`${name} · ${runtime}${time}`);
  }

  /** Another model comes, or none. */
  gone(): void {
    this.view.loading(undefined);
    this.view.describe('');
  }
}
