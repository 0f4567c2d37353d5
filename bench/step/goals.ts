/**
 * The engine's goals for a step, and what a measurement says about them. Each goal is a limit on one of Ocelli's
 * numbers, either fixed or a share of a peer's number in the same run.
 */
import type { NetworkName } from '../networks/ocelli.ts';
import { jaxName } from './jax.ts';
import { halfName } from './ocelli.ts';
import { plainName } from './plain.ts';
import { torchName } from './torch.ts';

export const stepMetrics = [
  'step_ms',
  'enqueue_ms',
  'us_per_dispatch',
  'dispatches',
  'submits',
  'gpu_mb',
  'compile_ms',
] as const;
export type StepMetric = (typeof stepMetrics)[number];
export type StepNumbers = Readonly<Partial<Record<StepMetric, number>>>;

export interface Verdict {
  /** `≤ 1/20 of TensorFlow.js, eager` */
  readonly goal: string;
  readonly met: boolean;
  /** Ocelli's number divided by the limit: above 1 is how many times too much. */
  readonly factor: number;
}

interface Goal {
  readonly metric: StepMetric;
  /** Whose number it is about; left out: Ocelli's. */
  readonly of?: string;
  /** Compared with this contender's number of the same metric; left out: `limit` is the number itself. */
  readonly peer?: string;
  /** Share of the peer's number, or the number, by network where it differs. */
  readonly limit: number | Readonly<Partial<Record<NetworkName, number>>>;
  readonly says: string;
}

const goals: readonly Goal[] = [
  { metric: 'step_ms', peer: plainName, limit: 1, says: `faster than ${plainName}` },
  { metric: 'step_ms', peer: jaxName, limit: 1, says: `faster than ${jaxName}` },
  { metric: 'step_ms', peer: torchName('cuda', 'f32'), limit: 1.5, says: '≤ 1.5× eager PyTorch f32' },
  {
    metric: 'step_ms',
    of: halfName,
    peer: torchName('cuda', 'autocast'),
    limit: 2,
    says: 'fp16 ≤ 2× PyTorch autocast',
  },
  { metric: 'enqueue_ms', peer: plainName, limit: 1 / 20, says: `≤ 1/20 of ${plainName}` },
  { metric: 'enqueue_ms', peer: jaxName, limit: 1, says: `below ${jaxName}` },
  { metric: 'us_per_dispatch', limit: 10, says: '≤ 10 µs' },
  { metric: 'dispatches', limit: { small: 170, vit: 330, cnn: 250 }, says: '≤' },
  { metric: 'dispatches', peer: jaxName, limit: 1 / 2, says: `≤ half of ${jaxName}` },
  { metric: 'gpu_mb', peer: plainName, limit: 1 / 2, says: `≤ half of ${plainName}` },
  { metric: 'compile_ms', peer: plainName, limit: 1, says: `≤ ${plainName}` },
];

/** Every goal of this metric whose peer was measured. */
export function judge(
  network: NetworkName,
  metric: StepMetric,
  own: StepNumbers,
  peers: ReadonlyMap<string, StepNumbers>,
): Verdict[] {
  return goals.flatMap((goal): Verdict[] => {
    if (goal.metric !== metric) return [];
    const value = (goal.of === undefined ? own : peers.get(goal.of))?.[metric];
    if (value === undefined) return [];
    const share = typeof goal.limit === 'number' ? goal.limit : goal.limit[network];
    const reference = goal.peer === undefined ? 1 : peers.get(goal.peer)?.[metric];
    if (share === undefined || reference === undefined || reference <= 0) return [];
    const factor = value / (share * reference);
    const says = typeof goal.limit === 'number' ? goal.says : `${goal.says} ${share}`;
    return [{ goal: says, met: factor <= 1, factor }];
  });
}

/** `goal ≤ 1/20 of TensorFlow.js, eager: met (0.62 of it)` */
export function verdictText({ goal, met, factor }: Verdict): string {
  const share = factor >= 10 ? factor.toFixed(0) : factor.toPrecision(2);
  return `goal ${goal}: ${met ? `met (${share} of the limit)` : `not met, ${share}× the limit`}`;
}
