/** Learning-rate traces of torch's and transformers' schedulers, rate by rate. */
import { plateauDefaults } from '../../../src/config/index.ts';
import {
  advancePlateau,
  chainedLR,
  createSchedule,
  lambda,
  type PlateauOptions,
  type Schedule,
  sequentialLR,
  startPlateau,
} from '../../../src/training/index.ts';
import { type KindHandler, readJson } from '../case.ts';

interface ScheduleCase {
  readonly name: string;
  readonly args: Readonly<Record<string, unknown>>;
  readonly base_lr: number | readonly number[];
  readonly lr: readonly (number | readonly number[])[];
  readonly metrics?: readonly number[];
}

export const lrSchedules: KindHandler = async (parityCase, report) => {
  const cases = await readJson<ScheduleCase[]>(parityCase, 'cases.json');
  const checks = cases.map((item, index) => `${index}.${item.name}`);
  report.expect(...checks);
  cases.forEach((item, index) => {
    const bases = [item.base_lr].flat();
    try {
      const rates = item.metrics ? plateauRates(item, bases, item.metrics) : scheduledRates(item, bases);
      report.close(checks[index]!, rates.flat(), item.lr.flat(), { atol: 1e-15, rtol: 1e-10 });
    } catch (error) {
      // One that we don't have says nothing about the others.
      report.fail(checks[index]!, String(error));
    }
  });
};

function scheduledRates(item: ScheduleCase, bases: readonly number[]): number[][] {
  const schedule = scheduleOf(item.name, item.args);
  return item.lr.map((_, step) => bases.map((base) => schedule(step, base, bases[0])));
}

/** `lr[i]` is used by step i, after which the scheduler sees `metrics[i]`. */
function plateauRates(item: ScheduleCase, bases: readonly number[], metrics: readonly number[]): number[][] {
  const options: PlateauOptions = {
    mode: 'min',
    ...plateauDefaults,
    ...(item.args as Partial<PlateauOptions>),
  };
  let state = startPlateau(bases);
  return item.lr.map((_, step) => {
    const { rates } = state;
    if (step < metrics.length) state = advancePlateau(state, metrics[step]!, options);
    return [...rates];
  });
}

function scheduleOf(name: string, args: Readonly<Record<string, unknown>>): Schedule {
  if (name === 'torch.LambdaLR') return lambda(pythonFunction(String(args.lambda)));
  if (name === 'torch.MultiplicativeLR') return lambda(running(pythonFunction(String(args.lambda))));
  if (name === 'torch.SequentialLR') {
    return sequentialLR((args.schedulers as string[]).map(parseCall), args.milestones as number[]);
  }
  if (name === 'torch.ChainedScheduler') return chainedLR((args.schedulers as string[]).map(parseCall));
  return createSchedule(name, args);
}

/** The product of `factor` over the steps 1 to `step`. */
const running =
  (factor: (step: number) => number) =>
  (step: number): number =>
    Array.from({ length: step }, (_, i) => factor(i + 1)).reduce((product, value) => product * value, 1);

/** `LinearLR(start_factor=0.1, total_iters=5)` */
function parseCall(call: string): Schedule {
  const [, name, list] = /^(\w+)\((.*)\)$/.exec(call.trim()) ?? [];
  if (!name) throw new Error(`cannot read the scheduler ${call}`);
  const pairs = (list ?? '').split(/,(?![^[(]*[\])])/).filter((pair) => pair.trim() !== '');
  const args = pairs.map((pair) => {
    const [key, value] = pair.split('=');
    return [
      key!.trim(),
      JSON.parse(value!.trim().replaceAll("'", '"').replaceAll('(', '[').replaceAll(')', ']')),
    ];
  });
  return scheduleOf(`torch.${name}`, Object.fromEntries(args));
}

/** An arithmetic expression of `step` in Python's syntax; `min`, `max` and `math.*` are the functions it may use. */
function pythonFunction(expression: string): (step: number) => number {
  const source = expression.replaceAll('math.', 'Math.').replaceAll(/\bmin\b/g, 'Math.min');
  const body = source.replaceAll(/\bmax\b/g, 'Math.max').replace(/^lambda\s+(\w+)\s*:/, '');
  return new Function('step', 'epoch', `return ${body}`).bind(undefined) as (step: number) => number;
}
