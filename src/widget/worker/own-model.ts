/**
 * Our own path, for image classification and object detection: the folder's `preprocessor_config.json` by the same
 * processors as in training, onnxruntime, and the same decoding as in evaluation. The numbers are those of
 * `ocelli predict`.
 */
import { type ClassMap, classesOf, type Raster, type Size } from '../../core/index.ts';
import {
  decodeClassification,
  decodeDetections,
  type HostOutputs,
  requireFiniteOutputs,
  topLabels,
} from '../../tasks/decoding/index.ts';
import type { ImageProcessor, ProcessedBatch } from '../../vision/index.ts';
import type { Answer, Finding } from '../protocol.ts';
import type { OnnxRuntime } from './onnx-runtime.ts';
import type { WidgetModel } from './widget-model.ts';

/** Outputs that decoding reads. */
export const outputNames = { classification: ['logits'], detection: ['logits', 'pred_boxes'] } as const;

/** Objects below this are noise in everyone's eyes, and there are as many of them as queries. */
const lowestScore = 0.01;

/** The size of all pictures after this processor; undefined where it depends on theirs. */
export function oneSize(processor: ImageProcessor): Size | undefined {
  const [first, ...others] = [
    { height: 480, width: 640 },
    { height: 640, width: 480 },
    { height: 97, width: 1003 },
  ].map((size) => processor.outputSize(size));
  const same = others.every(({ height, width }) => height === first!.height && width === first!.width);
  return same ? first : undefined;
}

export class OwnModel implements WidgetModel {
  readonly path = 'ocelli';
  readonly classNames: readonly string[];
  private readonly classes: ClassMap;
  private readonly multiLabel: boolean;
  private tried = false;

  constructor(
    config: Readonly<Record<string, unknown>>,
    private readonly processor: ImageProcessor,
    readonly task: 'classification' | 'detection',
    private readonly runtime: OnnxRuntime,
    private readonly mayRecord: boolean,
  ) {
    this.classes = classesOf(config);
    this.classNames = this.classes.names;
    this.multiLabel = config.problem_type === 'multi_label_classification';
  }

  get description(): string {
    return this.runtime.description;
  }

  get device(): OnnxRuntime['device'] {
    return this.runtime.device;
  }

  get lost(): Promise<never> | undefined {
    return this.runtime.lost;
  }

  async predict(
    image: Raster,
  ): Promise<Omit<Answer, 'times' | 'width' | 'height'> & { readonly prepared: number }> {
    const batch = this.processor.collate([this.processor.preprocess(image)]);
    const prepared = performance.now();
    const outputs = await this.runtime.run(batch, outputNames[this.task]);
    requireFiniteOutputs(outputs, 1);
    return { findings: this.findings(outputs, batch), prepared };
  }

  /** After the first answer: faster runs from now on, where that works. */
  async improve(): Promise<void> {
    if (this.tried) return;
    this.tried = true;
    const size = oneSize(this.processor);
    if (this.runtime.device !== 'webgpu') this.runtime.forgetModel('no WebGPU');
    else if (!this.mayRecord) this.runtime.forgetModel('not asked for, or given up after a failure');
    else if (!size) this.runtime.forgetModel('pictures differ in size');
    else await this.runtime.record(outputNames[this.task], size);
  }

  get recording(): { readonly captured: boolean; readonly capture: string } {
    return { captured: this.runtime.isCaptured, capture: this.runtime.capture };
  }

  dispose(): Promise<void> {
    return this.runtime.dispose();
  }

  private findings(outputs: HostOutputs, batch: ProcessedBatch): Finding[] {
    if (this.task === 'classification') {
      const [prediction] = decodeClassification(outputs, { multiLabel: this.multiLabel });
      return topLabels(prediction!).map((index) => ({
        label: this.nameOf(index),
        index,
        score: prediction!.scores[index]!,
      }));
    }
    const [prediction] = decodeDetections(outputs, batch.originalSizes, { threshold: lowestScore });
    const { scores, labels, boxes } = prediction!;
    return Array.from(scores, (score, i) => {
      const [x0, y0, x1, y1] = boxes.subarray(i * 4, i * 4 + 4) as unknown as [
        number,
        number,
        number,
        number,
      ];
      const index = labels[i]!;
      return {
        label: this.nameOf(index),
        index,
        score,
        box: { x: x0, y: y0, width: x1 - x0, height: y1 - y0 },
      };
    });
  }

  private nameOf(label: number): string {
    return this.classes.categoryOf(label)?.name ?? `class ${label}`;
  }
}
