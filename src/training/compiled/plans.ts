/**
 * The programs of one step signature (input and target shapes), made when they are first needed: the whole step,
 * or, where gradients are accumulated, a part and what follows the last part.
 */
import type { Batch } from '../../data/index.ts';
import {
  type PrepareProgram,
  type Program,
  type ProgramOptions,
  type tf,
  withOptions,
} from '../../engine/index.ts';
import type { KernelPlan } from '../../engine/profile/index.ts';
import type { HostArrays } from '../../tasks/index.ts';
import type { StepCompilation } from '../step-engine.ts';
import { signatureOf } from './host-data.ts';
import {
  applyStep,
  namesOf,
  partStep,
  type StepGraph,
  type StepNames,
  type StepParts,
  wholeStep,
} from './step-graphs.ts';
import type { GradientSums } from './sums.ts';

/** Told of every program that was made ready. */
export type OnCompiled = (compilation: StepCompilation) => void;

/** Sums lie where the program wants them that moves the weights by them: laid out for parts, too, they would be there twice. */
export const partOptions: ProgramOptions = { sideBySide: false };

export interface Plan {
  readonly graph: StepGraph;
  readonly program: Program;
}

export class StepPlans {
  private whole: Plan | undefined;
  private part: Plan | undefined;

  private constructor(
    private readonly parts: StepParts,
    private readonly prepare: PrepareProgram,
    readonly names: StepNames,
    /** How the optimiser's numbers are shared; a plan fits only as long as that stays. */
    readonly sharing: string,
    private readonly signature: string,
    private readonly onCompiled: OnCompiled,
  ) {}

  static async make(
    parts: StepParts,
    prepare: PrepareProgram,
    batch: Batch,
    targets: HostArrays | undefined,
    onCompiled: OnCompiled,
  ): Promise<StepPlans> {
    const names = await namesOf(parts, batch, targets);
    parts.optimizer.makeSlots(names.present);
    const sharing = parts.optimizer.sharing(names.present);
    return new StepPlans(parts, prepare, names, sharing, signatureOf(batch, targets), onCompiled);
  }

  async wholeStep(batch: Batch, targets: HostArrays | undefined): Promise<Plan> {
    if (!this.whole) {
      const variables = variablesOf(this.parts);
      const trace = () => wholeStep(this.parts, batch, targets, this.names.present, variables);
      this.whole = await compiled(this.signature, trace, variables, this.prepare, this.onCompiled);
    }
    return this.whole;
  }

  async partStep(batch: Batch, targets: HostArrays | undefined, sums: GradientSums): Promise<Plan> {
    if (!this.part) {
      const variables = variablesOf(this.parts, sums);
      const trace = () => partStep(this.parts, batch, targets, sums, variables);
      const prepare = withOptions(this.prepare, partOptions)!;
      this.part = await compiled(`part ${this.signature}`, trace, variables, prepare, this.onCompiled);
    }
    return this.part;
  }

  dispose(): void {
    this.whole?.program.dispose();
    this.part?.program.dispose();
  }
}

/** What follows the parts of a step, whatever the shapes of their images. */
export class ApplyPlan {
  private constructor(
    readonly sums: GradientSums,
    readonly sharing: string,
    readonly plan: Plan,
  ) {}

  static async make(
    parts: StepParts,
    prepare: PrepareProgram,
    sums: GradientSums,
    onCompiled: OnCompiled,
  ): Promise<ApplyPlan> {
    const variables = variablesOf(parts, sums);
    const trace = () => applyStep(parts, sums, variables);
    const plan = await compiled('accumulated gradients', trace, variables, prepare, onCompiled);
    return new ApplyPlan(sums, parts.optimizer.sharing(sums.names), plan);
  }

  dispose(): void {
    this.plan.program.dispose();
  }
}

async function compiled(
  signature: string,
  trace: () => Promise<StepGraph>,
  variables: ReadonlyMap<string, tf.Variable>,
  prepare: PrepareProgram,
  onCompiled: OnCompiled,
): Promise<Plan> {
  const start = performance.now();
  const graph = await trace();
  const program = await prepare(graph.trace, variables);
  const { dispatches = 0 } = program;
  onCompiled({ signature, ms: performance.now() - start, dispatches });
  return { graph, program };
}

/**
 * The kernels of a whole step among the plans that were made of a run's programs: of one program, or of as many parts as there
 * are and of what follows the last of them. Of several signatures (an epoch's last batch is often smaller) the largest counts.
 */
export function planOfStep(
  plans: readonly KernelPlan[],
  parts: number,
): Pick<KernelPlan, 'kernels'> | undefined {
  // Images belong to the parts; what follows them is given numbers alone.
  const follows = ({ inputs }: KernelPlan): boolean =>
    Object.keys(inputs).every((name) => name === 'scalars');
  const largest = plans
    .filter((plan) => parts === 1 || !follows(plan))
    .toSorted((a, b) => b.kernels.length - a.kernels.length)[0];
  const apply = plans.findLast(follows);
  if (parts === 1 || !largest || !apply) return largest;
  return { kernels: [...Array.from({ length: parts }, () => largest.kernels).flat(), ...apply.kernels] };
}

/** Everything that a step reads or assigns, by the names that graphs have for it. */
export function variablesOf(parts: StepParts, sums?: GradientSums): Map<string, tf.Variable> {
  const variables = new Map<string, tf.Variable>();
  for (const [name, parameter] of parts.model.tensors()) {
    if (parameter.isMaterialized) variables.set(name, parameter.value);
  }
  for (const [name, variable] of parts.optimizer.tensors()) variables.set(`optimizer:${name}`, variable);
  for (const [name, variable] of parts.average?.tensors() ?? []) variables.set(`average:${name}`, variable);
  for (const [name, variable] of sums?.variables() ?? []) variables.set(name, variable);
  return variables;
}
