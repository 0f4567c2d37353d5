/** Raw outputs of a model to predictions, as Hugging Face's `post_process_*` make them. */
import type { Size } from '../../../src/core/index.ts';
import { decodeDetections } from '../../../src/tasks/detection/decode.ts';
import type { DetectionPrediction } from '../../../src/tasks/index.ts';
import { type KindHandler, type Reporter, readJson } from '../case.ts';
import { readTensors } from '../tensors.ts';

interface Call {
  readonly call: string;
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly results: readonly Readonly<Record<string, unknown>>[];
}

type Outputs = Readonly<Record<string, { readonly shape: readonly number[]; readonly data: Float32Array }>>;
type Method = (call: Call, outputs: Outputs, report: Reporter, processor: string) => void;

/** Softmax over classes and no-object: DETR, YOLOS, Table Transformer. */
const softmaxHeads = ['Detr', 'Yolos', 'TableTransformer'];

const methods: Readonly<Record<string, Method>> = {
  post_process_object_detection: (call, outputs, report, processor) => {
    if (!softmaxHeads.some((family) => processor === `${family}ImageProcessor`)) {
      report.fail(call.name, `${processor} is not decoded yet; known: ${softmaxHeads.join(', ')}`);
      return;
    }
    const { threshold, target_sizes: sizes } = call.args as {
      threshold: number;
      target_sizes?: readonly (readonly [number, number])[] | null;
    };
    const predictions = decodeDetections(
      outputs,
      sizes?.map(([height, width]) => ({ height, width })),
      { threshold },
    );
    report.equal(`${call.name}.images`, predictions.length, call.results.length);
    call.results.forEach((expected, i) => {
      const [height, width] = sizes?.[i] ?? [1, 1];
      compareDetections(`${call.name}.${i}`, predictions[i], expected, { height, width }, report);
    });
  },
};

function compareDetections(
  name: string,
  actual: DetectionPrediction | undefined,
  expected: Readonly<Record<string, unknown>>,
  size: Size,
  report: Reporter,
): void {
  const { scores, labels, boxes, ...rest } = expected as {
    scores: number[];
    labels: number[];
    boxes: number[][];
  };
  report.close(`${name}.scores`, actual?.scores, scores, { atol: 1e-6 });
  report.close(`${name}.labels`, actual?.labels, labels, { atol: 0 });
  report.close(`${name}.boxes`, actual?.boxes, boxes.flat(), {
    atol: 1e-5 * Math.max(1, size.height, size.width),
  });
  for (const key of Object.keys(rest)) report.fail(`${name}.${key}`, 'was not compared');
}

export const postprocess: KindHandler = async (parityCase, report) => {
  const tensors = await readTensors(parityCase, 'outputs.safetensors');
  const outputs: Outputs = Object.fromEntries(
    [...tensors].map(([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }]),
  );
  const processor = String(parityCase.readme.what).split('.')[0]!;
  for (const call of await readJson<Call[]>(parityCase, 'expected.json')) {
    const method = methods[call.call];
    if (method) method(call, outputs, report, processor);
    else report.fail(call.name, `unknown method ${call.call}; known: ${Object.keys(methods).join(', ')}`);
  }
};
