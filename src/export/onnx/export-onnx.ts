/**
 * A vision model as an ONNX file: recorded at several sizes so that batch, height and width stay free, lowered,
 * and checked. Where a model can't be recorded with free sizes, height and width are fixed to its processor's,
 * and the export says so.
 */
import { OcelliError } from '../../core/index.ts';
import { type Graph, recordGraph, type tf } from '../../engine/index.ts';
import { encodeOnnx, type OnnxModel } from '../../formats/onnx/index.ts';
import type { VisionModel } from '../../models/index.ts';
import { asTensors, checkAgainstForward, type Forward, type InputSize, seededInputs } from './check.ts';
import { toHalfPrecision } from './half.ts';
import { lowerToModel, type OnnxOptions } from './lower.ts';
import { mustExpand } from './rows/index.ts';

export type OnnxPrecision = 'fp32' | 'fp16';

export interface OnnxExportOptions {
  /** fp32 */
  readonly dtype?: OnnxPrecision;
  /** Where height and width must be fixed: the size that the processor makes. */
  readonly fixedSize: readonly [height: number, width: number];
  readonly metadata?: Readonly<Record<string, string>>;
  readonly version?: string;
}

export interface OnnxExport {
  readonly bytes: Uint8Array;
  /** What `bytes` says. */
  readonly model: OnnxModel;
  readonly dtype: OnnxPrecision;
  /** The largest absolute difference to our own forward pass. */
  readonly maxAbs: number;
  /** It was checked against this, times max(1, the largest output). */
  readonly tolerance: number;
  /** Whether pictures of any height and width go in; else only `fixedSize`. */
  readonly dynamicSize: boolean;
  /** Why height and width are fixed. */
  readonly reason?: string;
}

/** Half precision has 11 bits, and a deep network adds up many roundings. */
const tolerances: Readonly<Record<OnnxPrecision, number>> = { fp32: 1e-4, fp16: 2e-2 };
const seed = 20_26;

/**
 * Sizes whose dimensions, and those of their feature maps at strides 4 to 32, are unlike each other: no multiple
 * of one explains another, and their patches (4 to 32 pixels) have no common divisor that would pass for a
 * larger patch. A second set is for models that treat one of the first specially (their position table's size).
 */
const recordedSizes: readonly (readonly InputSize[])[] = [
  [
    { batch: 2, height: 75, width: 99, mask: [40, 72] },
    { batch: 3, height: 117, width: 70, mask: [50, 40] },
    { batch: 4, height: 130, width: 185, mask: [64, 64] },
    { batch: 2, height: 107, width: 205, mask: [33, 80] },
  ],
  [
    { batch: 2, height: 83, width: 106, mask: [40, 72] },
    { batch: 3, height: 125, width: 77, mask: [50, 40] },
    { batch: 4, height: 141, width: 193, mask: [64, 64] },
    { batch: 2, height: 118, width: 213, mask: [33, 80] },
  ],
];
const checkedSizes: readonly InputSize[] = [
  { batch: 1, height: 96, width: 128, mask: [96, 128] },
  { batch: 3, height: 119, width: 90, mask: [64, 64] },
];

export async function exportOnnx(model: VisionModel, options: OnnxExportOptions): Promise<OnnxExport> {
  const forward: Forward = (inputs) => {
    const outputs = model.forward(inputs as { pixel_values: tf.Tensor }, { training: false });
    return Object.fromEntries(Object.entries(outputs).filter(([name]) => !name.includes('.')));
  };
  let reason: Error | undefined;
  for (const sizes of recordedSizes) {
    try {
      return await exportAt(model, forward, sizes, checkedSizes, options);
    } catch (error) {
      if (!isAboutSizes(error)) throw error;
      reason = error;
    }
  }
  const [height, width] = options.fixedSize;
  const fixed = (batch: number): InputSize => ({ batch, height, width, mask: [height, width] });
  const result = await exportAt(model, forward, [fixed(2), fixed(3)], [fixed(1)], options);
  return { ...result, dynamicSize: false, ...(reason ? { reason: reason.message } : {}) };
}

/** Whether a fixed height and width may help. Of a model that takes one size alone TensorFlow.js complains, in plain errors. */
function isAboutSizes(error: unknown): error is Error {
  const codes = ['graph_differs', 'size_baked_in', 'not_exportable', 'pixel_values_shape'];
  return error instanceof OcelliError ? codes.includes(error.code) : error instanceof Error;
}

async function exportAt(
  model: VisionModel,
  forward: Forward,
  recorded: readonly InputSize[],
  checked: readonly InputSize[],
  options: OnnxExportOptions,
): Promise<OnnxExport> {
  const dtype = options.dtype ?? 'fp32';
  const sizes = (list: readonly InputSize[]): InputSize[] =>
    list.map(({ mask, ...size }) => (model.takesPixelMask && mask ? { ...size, mask } : size));
  const parameters = Object.fromEntries([...model.tensors()].map(([name, tensor]) => [name, tensor.value]));
  const graphs: Graph[] = [];
  for (const size of sizes(recorded)) {
    const inputs = asTensors(seededInputs(size, seed));
    try {
      graphs.push(
        await recordGraph(forward, inputs, { parameters: Object.entries(parameters), expand: mustExpand }),
      );
    } finally {
      for (const tensor of Object.values(inputs)) tensor.dispose();
    }
  }
  const lowered = await lowerToModel(graphs, { ...portNames(graphs[0]!), ...header(options), parameters });
  const onnx = dtype === 'fp16' ? toHalfPrecision(lowered, ['pixel_values']) : lowered.model;
  const bytes = encodeOnnx(onnx);
  const tolerance = tolerances[dtype];
  const maxAbs = await checkAgainstForward(bytes, forward, { sizes: sizes(checked), seed, tolerance });
  return { bytes, model: onnx, dtype, maxAbs, tolerance, dynamicSize: true };
}

function header({ metadata, version }: OnnxExportOptions): Pick<OnnxOptions, 'metadata' | 'version'> {
  return { ...(metadata ? { metadata } : {}), ...(version ? { version } : {}) };
}

/** The names of varying dimensions that people read in the file. */
function portNames(graph: Graph): Pick<OnnxOptions, 'dimensionNames' | 'int64Inputs'> {
  const outputs = Object.entries(graph.outputs).map(([name, id]) => {
    const rank = graph.values[id]!.shape.length;
    return [name, ['batch', ...Array.from({ length: rank - 1 }, (_, i) => `${name}_${i + 1}`)]] as const;
  });
  return {
    dimensionNames: {
      pixel_values: ['batch', 'channels', 'height', 'width'],
      pixel_mask: ['batch', 'mask_height', 'mask_width'],
      ...Object.fromEntries(outputs),
    },
    int64Inputs: ['pixel_mask'],
  };
}
