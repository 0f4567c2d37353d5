/** Traces of torch's optimisers: the parameters after every step, from the same start and the same gradients. */
import { openDevice, tf } from '../../../src/engine/index.ts';
import {
  clipByNorm,
  createAlgorithm,
  createSchedule,
  Optimizer,
  type OptimizerOptions,
  type ParameterGroup,
} from '../../../src/training/index.ts';
import { type KindHandler, readJson, type Tolerance } from '../case.ts';
import { type PlainTensor, readTensors, row } from '../tensors.ts';

interface OptimizerCase {
  readonly name: string;
  readonly optimizer: string;
  readonly options: OptimizerOptions & { readonly lr: number };
  readonly gradients: 'fixed' | 'quadratic';
  readonly tensor: string;
  readonly float32_max_deviation?: number;
}

type Traces = ReadonlyMap<string, PlainTensor>;

/** The case's rule for float32: max(1e-5, 5 × the deviation measured with torch). */
const tolerance = (deviation = 0): Tolerance => ({ atol: Math.max(1e-5, 5 * deviation) });

export const optimizers: KindHandler = async (parityCase, report, options) => {
  await using _device = await openDevice(options.device);
  const cases = await readJson<OptimizerCase[]>(parityCase, 'cases.json');
  const traces = await readTensors(parityCase, 'traces.safetensors');
  report.expect(...cases.map((item) => item.tensor));
  for (const name of traces.keys()) if (!['x0', 'A', 'b', 'gradients'].includes(name)) report.expect(name);
  for (const item of cases) {
    const expected = traces.get(item.tensor)!;
    const actual = await trace(item, traces, expected.shape[0]!);
    report.close(item.tensor, actual, expected.data, tolerance(item.float32_max_deviation));
  }
  if (traces.has('adamw_none.params')) {
    const expected = traces.get('adamw_none.params')!;
    report.close(
      'adamw_none.params',
      await missingGradients(traces, expected.shape[0]!),
      expected.data,
      tolerance(),
    );
  }
  if (traces.has('finetune.params')) {
    const run = await finetune(traces, traces.get('finetune.params')!.shape[0]!);
    report.close('finetune.lrs', run.rates, traces.get('finetune.lrs')!.data, { atol: 1e-15, rtol: 1e-10 });
    report.close('finetune.norms', run.norms, traces.get('finetune.norms')!.data, { atol: 1e-5, rtol: 1e-6 });
    report.close('finetune.params', run.parameters, traces.get('finetune.params')!.data, tolerance());
  }
};

/** One parameter `x`, all steps. */
async function trace(item: OptimizerCase, traces: Traces, steps: number): Promise<number[]> {
  const x = tf.variable(tf.tensor1d([...traces.get('x0')!.data]));
  const { lr, ...rest } = item.options;
  const optimizer = new Optimizer(createAlgorithm(item.optimizer, rest), [wholeGroup(x)]);
  const parameters: number[] = [];
  for (let step = 0; step < steps; step++) {
    const gradient =
      item.gradients === 'fixed'
        ? tf.tensor1d([...row(traces.get('gradients')!, step)])
        : quadratic(x, traces);
    optimizer.step(new Map([['x', gradient]]), [lr]);
    gradient.dispose();
    parameters.push(...(await x.data()));
  }
  optimizer.dispose();
  x.dispose();
  return parameters;
}

/** A x − b */
function quadratic(x: tf.Tensor, traces: Traces): tf.Tensor {
  const { data, shape } = traces.get('A')!;
  return tf.tidy(() => {
    const matrix = tf.tensor2d([...data], shape as [number, number]);
    return tf.sub(
      tf.reshape(tf.matMul(matrix, tf.reshape(x, [-1, 1])), [-1]),
      tf.tensor1d([...traces.get('b')!.data]),
    );
  });
}

/** AdamW (lr 0.02, torch's defaults) without a gradient in steps 3 and 4, counted from 0. */
async function missingGradients(traces: Traces, steps: number): Promise<number[]> {
  const x = tf.variable(tf.tensor1d([...traces.get('x0')!.data]));
  const optimizer = new Optimizer(createAlgorithm('AdamW'), [wholeGroup(x)]);
  const parameters: number[] = [];
  for (let step = 0; step < steps; step++) {
    const gradients = new Map<string, tf.Tensor>();
    if (step !== 3 && step !== 4) gradients.set('x', tf.tensor1d([...row(traces.get('gradients')!, step)]));
    optimizer.step(gradients, [0.02]);
    tf.dispose([...gradients.values()]);
    parameters.push(...(await x.data()));
  }
  optimizer.dispose();
  x.dispose();
  return parameters;
}

/** Two groups, cosine with warmup, clipping: the parts together, as the case's notes describe them. */
async function finetune(
  traces: Traces,
  steps: number,
): Promise<{ rates: number[]; norms: number[]; parameters: number[] }> {
  const start = [...traces.get('x0')!.data];
  const parts = [start.slice(0, 4), start.slice(4)].map((values) => tf.variable(tf.tensor1d(values)));
  const groups: ParameterGroup[] = [
    {
      name: 'first',
      parameters: [{ name: 'a', variable: parts[0]! }],
      learningRateFactor: 1,
      weightDecay: 0.05,
    },
    {
      name: 'second',
      parameters: [{ name: 'b', variable: parts[1]! }],
      learningRateFactor: 1,
      weightDecay: 0,
    },
  ];
  const optimizer = new Optimizer(createAlgorithm('AdamW'), groups);
  const schedule = createSchedule('transformers.cosine_with_warmup', {
    num_warmup_steps: 5,
    num_training_steps: 40,
  });
  const rates: number[] = [];
  const norms: number[] = [];
  const parameters: number[] = [];
  for (let step = 0; step < steps; step++) {
    const whole = [...row(traces.get('gradients')!, step)];
    const { clipped, norm } = clipByNorm([tf.tensor1d(whole.slice(0, 4)), tf.tensor1d(whole.slice(4))], 1);
    const learningRates = [schedule(step, 0.03), schedule(step, 0.1)];
    optimizer.step(
      new Map([
        ['a', clipped[0]!],
        ['b', clipped[1]!],
      ]),
      learningRates,
    );
    rates.push(...learningRates);
    norms.push((await norm.data())[0]!);
    for (const part of parts) parameters.push(...(await part.data()));
  }
  optimizer.dispose();
  tf.dispose(parts);
  return { rates, norms, parameters };
}

const wholeGroup = (variable: tf.Variable): ParameterGroup => ({
  name: 'all',
  parameters: [{ name: 'x', variable }],
  learningRateFactor: 1,
});
