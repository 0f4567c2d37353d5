/**
 * The picture and its answer as they are shown now. An answer holds everything that the model said; threshold, labels and
 * the number of classes choose among it, each time they change, without another run.
 */
import type { Answer, Finding } from '../protocol.ts';
import type { PredictionDetail } from './events.ts';
import { chosenFindings, summary } from './findings.ts';
import type { Settings } from './settings.ts';
import type { View } from './view.ts';

export interface Shown {
  readonly source: CanvasImageSource;
  /** For another look, by another model. */
  readonly again: Blob | ImageBitmap | HTMLVideoElement;
  readonly answer: Answer;
}

/** Of the model that answered. */
export interface Answering {
  readonly task: string;
  /** As people named it. */
  readonly model: string;
}

const defaultThreshold = 0.5;

export class Display {
  /** Set by the slider; the attribute, when it changes, wins. */
  threshold: number | undefined;
  shown: Shown | undefined;

  constructor(
    private readonly view: View,
    private readonly settings: () => Settings,
    private readonly answering: () => Answering,
  ) {}

  /** A picture before its answer is there. */
  alone(bitmap: ImageBitmap): void {
    this.shown = undefined;
    const { width, height } = bitmap;
    this.view.findings([], undefined);
    this.view.say('Looking …');
    this.view.picture({ source: bitmap, width, height, findings: [] }, 'The picture');
  }

  /** Shows the answer as the settings choose. `live`: a camera draws the picture itself. */
  present({
    live,
    speak,
  }: {
    readonly live: boolean;
    readonly speak: boolean;
  }): PredictionDetail | undefined {
    const { shown } = this;
    if (!shown) return undefined;
    const { answer, source } = shown;
    const detail = this.detail(answer);
    const scored = answer.findings.some(({ box, mask, score }) => (box ?? mask) && score !== undefined);
    this.view.thresholdAt(scored || detail.task.includes('detection') ? this.lowest : undefined);
    this.view.findings(detail.findings, answer);
    if (!live) this.draw(source, answer.width, answer.height);
    if (speak) this.view.say(summary(answer, detail.findings));
    return detail;
  }

  /** The newest answer on a picture. */
  draw(source: CanvasImageSource, width: number, height: number): void {
    const answer = this.shown?.answer;
    const findings = answer ? this.choose(answer) : [];
    const made = answer?.picture ? { picture: answer.picture } : {};
    const label = answer ? `The picture. ${summary(answer, findings)}` : 'The picture';
    this.view.picture({ source, width, height, findings, ...made }, label);
  }

  /** What is told of an answer. */
  detail(answer: Answer): PredictionDetail {
    const { width, height, times, output, picture } = answer;
    return {
      ...{ ...this.answering(), width, height, findings: this.choose(answer), times },
      ...(output === undefined ? {} : { output }),
      ...(picture === undefined ? {} : { picture }),
    };
  }

  private get lowest(): number {
    return this.threshold ?? this.settings().threshold ?? defaultThreshold;
  }

  private choose(answer: Answer): Finding[] {
    const settings = this.settings();
    const threshold = this.threshold ?? settings.threshold;
    // What a zero-shot model was asked for is what it found.
    const labels = this.answering().task.startsWith('zero-shot') ? [] : settings.labels;
    return chosenFindings(answer, { ...settings, threshold, labels });
  }
}
