/**
 * Small models as `ocelli export` writes them, made in a moment: random weights, real files. What a page says about a
 * picture is compared with what the headless predictor says from the same folder.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decodeImage } from '#platform';
import { openDevice } from '../../../src/engine/index.ts';
import { exportModel } from '../../../src/export/index.ts';
import { decodeOnnx, encodeOnnx } from '../../../src/formats/onnx/index.ts';
import { createPredictor } from '../../../src/inference/index.ts';
import { tinyRun } from '../../support/tiny-models.ts';

export interface WidgetModelSource {
  /** In tests/support/tiny-models.ts. */
  readonly name: string;
  readonly dtype?: 'fp32' | 'fp16';
  /** Keys of `preprocessor_config.json`. */
  readonly processor?: Readonly<Record<string, unknown>>;
  /** As exporters of the hub write DETR: `pixel_mask` is a square of this side, whatever the picture. */
  readonly maskSide?: number;
}

/** Writes one folder per model. */
export async function writeWidgetModels(
  root: string,
  models: Readonly<Record<string, WidgetModelSource>>,
): Promise<void> {
  const device = await openDevice('wasm');
  try {
    for (const [folder, { name, dtype = 'fp32', processor = {}, maskSide }] of Object.entries(models)) {
      const { loaded } = tinyRun(name);
      const processorConfig = { ...loaded.processorConfig, ...processor };
      const { files } = await exportModel({ ...loaded, processorConfig }, { format: 'onnx', dtype });
      loaded.model.dispose();
      for (const [path, bytes] of files) {
        const target = join(root, folder, path);
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, maskSide && path.endsWith('.onnx') ? withMask(bytes, maskSide) : bytes);
      }
    }
  } finally {
    await device.dispose();
  }
}

function withMask(bytes: Uint8Array, side: number): Uint8Array {
  const model = decodeOnnx(bytes);
  const mask = model.graph!.input.find(({ name }) => name === 'pixel_mask')!;
  const { tensorType } = mask.type;
  const dim = [tensorType.shape.dim[0]!, { dimValue: side }, { dimValue: side }];
  mask.type = { tensorType: { ...tensorType, shape: { dim } } };
  return encodeOnnx(model);
}

export interface HeadlessFinding {
  readonly label: string;
  readonly score: number;
  /** x0, y0, x1, y1. */
  readonly box?: readonly number[];
}

/** What `ocelli predict` says: classes best first, objects in the model's order. */
export async function headlessFindings(folder: string, picture: Uint8Array): Promise<HeadlessFinding[]> {
  const predictor = await createPredictor(folder, { engine: 'onnx', device: 'cpu', threshold: 0.01 });
  try {
    const [prediction] = await predictor.predict([await decodeImage(picture)]);
    const nameOf = (label: number): string => predictor.classes.categoryOf(label)!.name;
    if (prediction!.task === 'classification') {
      return [...prediction!.value.scores.entries()]
        .map(([label, score]) => ({ label: nameOf(label), score }))
        .sort((a, b) => b.score - a.score);
    }
    const { scores, labels, boxes } = prediction!.value;
    return [...scores.entries()].map(([i, score]) => ({
      label: nameOf(labels[i]!),
      score,
      box: [...boxes.subarray(i * 4, i * 4 + 4)],
    }));
  } finally {
    await predictor.dispose();
  }
}
