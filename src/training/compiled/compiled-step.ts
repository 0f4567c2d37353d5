/**
 * A training step that was traced, planned and prepared once for each signature (the shapes of images and targets)
 * and is only executed from then on. A step with one part is one program; its batch waits for `finish`, where the
 * learning rates are known. Signatures beyond a limit are forgotten, the longest unused first.
 */
import { derive } from '../../core/index.ts';
import type { Batch } from '../../data/index.ts';
import { compiling, type HostData, type PrepareProgram, type Program } from '../../engine/index.ts';
import type { HostArrays, HostOutputs } from '../../tasks/index.ts';
import { mixBatch, mixTargets } from '../mix.ts';
import type { StepEngine, StepReport, StepSettings } from '../step-engine.ts';
import { inputsOf, shapedOutputs, signatureOf } from './host-data.ts';
import { ApplyPlan, type OnCompiled, type Plan, StepPlans } from './plans.ts';
import type { StepNames, StepParts } from './step-graphs.ts';
import { GradientSums } from './sums.ts';

const signatureLimit = 8;

/** A batch with all that the host decides about it. */
interface Prepared {
  readonly batch: Batch;
  /** Its inputs by name, without the numbers of the step. */
  readonly inputs: HostData;
  /** Of tasks that match nothing; with matching they come at the halt. */
  readonly targets: HostArrays | undefined;
  targetsAt(outputs: HostOutputs): HostArrays;
}

export class CompiledStep implements StepEngine {
  /** The most recently used last. */
  private readonly plans = new Map<string, StepPlans>();
  private waiting: Prepared | undefined;
  private counted = { parts: 0, images: 0 };
  private scale = 1;
  private sums: GradientSums | undefined;
  private applyPlan: ApplyPlan | undefined;

  constructor(
    private readonly parts: StepParts,
    private readonly prepare: PrepareProgram,
    private readonly settings: StepSettings,
    private readonly onCompiled: OnCompiled = () => {},
  ) {}

  async add(batch: Batch, step: number, part: number): Promise<void> {
    const prepared = this.prepared(batch, step, part);
    if (part === 0) {
      this.counted = { parts: 0, images: 0 };
      // One scale for all parts, whatever becomes known of earlier steps meanwhile.
      this.scale = this.parts.lossScale?.value ?? 1;
    }
    this.counted.parts++;
    this.counted.images += batch.count;
    // The first part may stay the only one, unless the recipe says that there are more.
    if (this.counted.parts === 1 && (this.settings.plan?.accumulate ?? 1) === 1) {
      await compiling(async () => (await this.plansFor(prepared)).wholeStep(batch, prepared.targets));
      this.waiting = prepared;
      return;
    }
    const parts = this.waiting ? [this.waiting, prepared] : [prepared];
    this.waiting = undefined;
    const plans = await compiling(() => this.partPlans(parts));
    const before = this.counted.parts - parts.length;
    for (const [i, plan] of plans.entries()) {
      const later_part = before + i === 0 ? 0 : 1;
      const images = parts[i]!.batch.count;
      await run(plan, parts[i]!, { images, later_part, loss_scale: this.scale });
    }
  }

  async finish(learningRates: readonly number[], step: number): Promise<StepReport> {
    const { waiting, counted } = this;
    this.waiting = undefined;
    this.counted = { parts: 0, images: 0 };
    const { program, losses, present } = waiting
      ? await this.runWhole(waiting, learningRates, step)
      : await this.runApply(learningRates, step, counted.images);
    const values = program.read(['report']).then(({ report }) => report!);
    return { names: losses, images: counted.images, present, values };
  }

  dispose(): void {
    for (const plans of this.plans.values()) plans.dispose();
    this.plans.clear();
    this.applyPlan?.dispose();
    this.sums?.dispose();
  }

  private async runWhole(
    prepared: Prepared,
    rates: readonly number[],
    step: number,
  ): Promise<StepNames & { readonly program: Program }> {
    const plans = await this.plansFor(prepared);
    const plan = await plans.wholeStep(prepared.batch, prepared.targets);
    await run(plan, prepared, this.numbers(rates, step, plans.names.present), ['report']);
    return { program: plan.program, ...plans.names };
  }

  private async runApply(
    rates: readonly number[],
    step: number,
    images: number,
  ): Promise<StepNames & { readonly program: Program }> {
    const sums = this.sums!;
    const { graph, program } = await this.planApply(sums);
    const numbers = { ...this.numbers(rates, step, sums.names), image_share: 1 / images };
    await program.run({ scalars: graph.layout.pack(numbers) }, undefined, ['report']);
    return { program, losses: sums.losses, present: sums.names };
  }

  /** Counts the step, and names its numbers as the graphs do. */
  private numbers(
    rates: readonly number[],
    step: number,
    present: readonly string[],
  ): Record<string, number> {
    const { optimizer, average } = this.parts;
    const numbers: Record<string, number> = {
      loss_scale: this.scale,
      inverse_loss_scale: 1 / this.scale,
    };
    optimizer.prepare(rates, present).forEach(({ values }, index) => {
      for (const [name, value] of Object.entries(values)) numbers[`${index}.${name}`] = value;
    });
    const factors = average?.factors(step);
    if (factors) Object.assign(numbers, { average_decay: factors.decay, average_rest: factors.rest });
    return numbers;
  }

  /** Everything that the parts of a step need is prepared before the first of them runs. */
  private async partPlans(parts: readonly Prepared[]): Promise<Plan[]> {
    const plans: Plan[] = [];
    for (const prepared of parts) {
      const own = await this.plansFor(prepared);
      this.sums ??= this.makeSums(own);
      if (own.names.present.join() !== this.sums.names.join()) {
        throw new Error('parts of a step have gradients of different parameters');
      }
      plans.push(await own.partStep(prepared.batch, prepared.targets, this.sums));
    }
    await this.planApply(this.sums!);
    return plans;
  }

  private makeSums({ names: { present, losses } }: StepPlans): GradientSums {
    const wanted = new Set(present);
    const ofPresent = this.parts.trainable.filter(({ name }) => wanted.has(name));
    return new GradientSums(ofPresent, losses);
  }

  private async planApply(sums: GradientSums): Promise<Plan> {
    if (this.applyPlan && this.applyPlan.sharing !== this.parts.optimizer.sharing(sums.names)) {
      this.applyPlan.dispose();
      this.applyPlan = undefined;
    }
    this.applyPlan ??= await ApplyPlan.make(this.parts, this.prepare, sums, this.onCompiled);
    return this.applyPlan.plan;
  }

  private async plansFor({ batch, targets }: Prepared): Promise<StepPlans> {
    const signature = signatureOf(batch, targets);
    let plans = this.plans.get(signature);
    this.plans.delete(signature);
    if (plans && plans.sharing !== this.parts.optimizer.sharing(plans.names.present)) {
      plans.dispose();
      plans = undefined;
    }
    plans ??= await StepPlans.make(this.parts, this.prepare, batch, targets, this.onCompiled);
    this.plans.set(signature, plans);
    for (const [old, unused] of this.plans) {
      if (this.plans.size <= signatureLimit) break;
      unused.dispose();
      this.plans.delete(old);
    }
    return plans;
  }

  private prepared(batch: Batch, step: number, part: number): Prepared {
    const { task, model } = this.parts;
    const { seed, mix } = this.settings;
    const mixed = mixBatch(batch, mix, seed, step, part);
    const blended = (targets: HostArrays): HostArrays =>
      mixed ? mixTargets(targets, mixed.mix, batch.shape[0]) : targets;
    const targets = task.matchesOnHost ? undefined : blended(task.targets(batch));
    const images = mixed?.batch ?? batch;
    return {
      batch,
      targets,
      inputs: {
        pixel_values: images.pixelValues,
        ...(model.takesPixelMask ? { pixel_mask: Float32Array.from(images.pixelMask) } : {}),
        seed: Int32Array.of(derive(seed, 'dropout', step, part).bits() | 0),
        ...(targets ? inputsOf(targets) : {}),
      },
      targetsAt: (outputs) => blended(task.targets(batch, outputs)),
    };
  }
}

async function run(
  { graph, program }: Plan,
  { inputs, targetsAt }: Prepared,
  numbers: Record<string, number>,
  reads: readonly string[] = [],
): Promise<void> {
  const decide = (outputs: HostData): HostData =>
    inputsOf(targetsAt(shapedOutputs(graph.trace.graph, outputs)));
  await program.run({ ...inputs, scalars: graph.layout.pack(numbers) }, decide, reads);
}
