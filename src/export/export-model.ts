/**
 * A trained model as the folder that others load: Python's `from_pretrained` (config, safetensors, processor),
 * transformers.js and onnxruntime (`onnx/`), MLflow (`MLmodel`). Made in memory as bytes by path; `exportRun`
 * writes them.
 */

import { ConfigError } from '../core/index.ts';
import { type LoadedModel, saveModel } from '../models/index.ts';
import { createProcessor } from '../vision/index.ts';
import { mlflowFiles } from './mlmodel.ts';
import { type ModelCard, modelCard } from './model-card.ts';
import { exportOnnx, type OnnxExport, type OnnxPrecision } from './onnx/index.ts';
import type { SavedTensors } from './types.ts';

/** Each holds what the one before it holds: weights and card; ONNX; MLmodel. */
export const exportFormats = ['hf', 'onnx', 'mlflow'] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface ExportModelOptions {
  readonly format: ExportFormat;
  /** Of the ONNX file (fp32). The safetensors are float32 always. */
  readonly dtype?: OnnxPrecision;
  /** The weights to store, from `readTensors`; they must be those that the model holds (left out: read back). */
  readonly tensors?: SavedTensors;
  readonly card?: ModelCard;
  /** Ocelli's version, for the ONNX file's header. */
  readonly version?: string;
}

export interface ExportedModel {
  /** By path in the folder, with `/`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Of the ONNX file, where the format has one. */
  readonly onnx?: Omit<OnnxExport, 'bytes' | 'model'> & { readonly path: string };
}

export const onnxPath = (dtype: OnnxPrecision): string =>
  dtype === 'fp16' ? 'onnx/model_fp16.onnx' : 'onnx/model.onnx';

/** Needs the open device that the model lives on. Throws a RunError when the ONNX file would not agree with it. */
export async function exportModel(
  loaded: Omit<LoadedModel, 'report'>,
  options: ExportModelOptions,
): Promise<ExportedModel> {
  if (!exportFormats.includes(options.format)) {
    throw new ConfigError({
      code: 'unknown_export_format',
      expected: `a format that is one of ${exportFormats.join(', ')}`,
      received: String(options.format),
      fix: 'use --format hf, onnx or mlflow',
    });
  }
  const { model, classes } = loaded;
  const encoder = new TextEncoder();
  const files = new Map<string, Uint8Array>();
  const saved = await saveModel(loaded, options.tensors);
  for (const [path, content] of Object.entries(saved) as [string, string | Uint8Array][]) {
    files.set(path, typeof content === 'string' ? encoder.encode(content) : content);
  }
  const dtype = options.dtype ?? 'fp32';
  const path = onnxPath(dtype);
  let onnx: OnnxExport | undefined;
  if (options.format !== 'hf') {
    const { height, width } = createProcessor(loaded.processorConfig).outputSize({ height: 480, width: 640 });
    onnx = await exportOnnx(model, {
      dtype,
      fixedSize: [height, width],
      metadata: {
        model_type: model.modelType,
        task: model.task,
        classes: JSON.stringify(classes.toId2Label()),
      },
      ...(options.version ? { version: options.version } : {}),
    });
    files.set(path, onnx.bytes);
  }
  const parameters = [...model.parameters()].reduce((count, [, parameter]) => count + parameter.size, 0);
  const card = modelCard(
    options.card ?? { name: `${model.modelType} for ${model.task.replaceAll('_', ' ')}` },
    {
      task: model.task,
      modelType: model.modelType,
      classes,
      parameters,
      ...(onnx ? { onnx: { ...onnx, path } } : {}),
    },
  );
  files.set('README.md', encoder.encode(card));
  if (onnx && options.format === 'mlflow') {
    const sizeBytes = [...files.values()].reduce((sum, bytes) => sum + bytes.byteLength, 0);
    const facts = { path, onnx: onnx.model, sizeBytes, created: new Date(), uuid: uuid() };
    for (const [name, text] of mlflowFiles(facts)) files.set(name, encoder.encode(text));
  }
  if (!onnx) return { files };
  const { bytes: _, model: __, ...facts } = onnx;
  return { files, onnx: { ...facts, path } };
}

/** MLflow writes its ids without hyphens. */
const uuid = (): string => crypto.randomUUID().replaceAll('-', '');
