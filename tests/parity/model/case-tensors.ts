/** The tensors of a model case: inputs as the model takes them, and labels. */
import { tf } from '../../../src/engine/index.ts';
import { memorySource, openSafetensors } from '../../../src/formats/safetensors/index.ts';
import type { ModelInputs } from '../../../src/models/index.ts';
import type { DetectionLabels, HostArrays } from '../../../src/tasks/index.ts';
import { type ParityCase, readBytes } from '../case.ts';

export interface CaseTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export class CaseTensors {
  constructor(private readonly tensors: ReadonlyMap<string, CaseTensor>) {}

  get names(): readonly string[] {
    return [...this.tensors.keys()];
  }

  get(name: string): CaseTensor | undefined {
    return this.tensors.get(name);
  }

  /** `pixel_values` and, where the case has it, `pixel_mask`, on the device. */
  modelInputs(prefix = ''): ModelInputs {
    const tensor = (name: string): tf.Tensor | undefined => {
      const stored = this.tensors.get(prefix + name);
      return stored && tf.tensor(stored.data, [...stored.shape]);
    };
    const mask = tensor('pixel_mask');
    return { pixel_values: tensor('pixel_values')!, ...(mask ? { pixel_mask: mask } : {}) };
  }

  /** Class ids of each image, for classification; one per image, or those set in a multi-hot row. */
  labels(): number[][] | undefined {
    const stored = this.tensors.get('labels');
    if (!stored) return undefined;
    const [images = 0, classes] = stored.shape;
    if (classes === undefined) return [...stored.data].map((label) => [label]);
    return Array.from({ length: images }, (_, image) =>
      [...stored.data.subarray(image * classes, (image + 1) * classes)].flatMap((set, label) =>
        set ? [label] : [],
      ),
    );
  }

  /** `class_weights` [classes] and `label_smoothing`, where the case has them. */
  lossOptions(): { readonly classWeights?: readonly number[]; readonly labelSmoothing?: number } {
    const [weights, smoothing] = [this.tensors.get('class_weights'), this.tensors.get('label_smoothing')];
    return {
      ...(weights ? { classWeights: [...weights.data] } : {}),
      ...(smoothing ? { labelSmoothing: smoothing.data[0]! } : {}),
    };
  }

  /** `target_heatmaps` and `target_weight`, for keypoints. */
  heatmapTargets(): HostArrays | undefined {
    const heatmaps = this.tensors.get('target_heatmaps');
    const weight = this.tensors.get('target_weight');
    return heatmaps && weight && { target_heatmaps: heatmaps, target_weight: weight };
  }

  /** Objects of each image, for detection. */
  objects(): DetectionLabels[] {
    const objects: DetectionLabels[] = [];
    for (let i = 0; this.tensors.has(`labels.${i}.class_labels`); i++) {
      objects.push({
        classLabels: this.tensors.get(`labels.${i}.class_labels`)!.data,
        boxes: this.tensors.get(`labels.${i}.boxes`)!.data,
      });
    }
    return objects;
  }
}

export async function readCaseTensors(parityCase: ParityCase, file: string): Promise<CaseTensors> {
  const source = await openSafetensors(memorySource(file, await readBytes(parityCase, file)));
  const tensors = new Map<string, CaseTensor>();
  for (const [name, { shape }] of source.tensors) tensors.set(name, { shape, data: await source.read(name) });
  return new CaseTensors(tensors);
}
