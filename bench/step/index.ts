/**
 * `step/small`, `step/vit`, `step/cnn`, `step/resnet50`, `step/detr`: one training step (forward, loss, gradients,
 * AdamW, running statistics) of Ocelli beside the same network on eager TensorFlow.js, on jax-js (jitted whole; only
 * small, vit and cnn: it compiles for minutes) and, where asked for, on PyTorch; and Ocelli's own eager step
 * (OCELLI_EAGER=1) and, where the device has f16, its step in half precision. All in one process on one adapter, from the same weights and the same batch; a contender
 * whose losses differ gets no row.
 *
 * Every contender has a GPUDevice of its own, so that none profits from another's compiled pipelines or free
 * buffers. `compile_ms` is its first step, one contender after the other, without the driver's cache on disk;
 * then they take turns, and medians are told. A turn is two steps of which the second counts (of steps above two
 * seconds: one), because in training a step follows its like and not another program, whose code and numbers fill
 * the processor's caches. A contender that fails loses its rows, the others keep theirs.
 *
 *   step_ms     from the batch on the host to the loss on the host
 *   enqueue_ms  the part of it in which JavaScript works rather than waits for the device
 *   us_per_dispatch   enqueue_ms / dispatches
 *   dispatches, submits   counted at the API
 *   gpu_mb      the most bytes of buffers at a time, counted at GPUDevice.createBuffer (MB of 10⁶)
 *
 * Without an adapter: times on wasm, of Ocelli and TensorFlow.js alone (with the kernels that Ocelli puts into its
 * wasm backend, without which it could not train convolutions at all). On a software adapter times compare only
 * with each other, counts and enqueue times decide.
 */
import type { Batch } from '../../src/data/index.ts';
import { type Device, lookForGpu, openDevice } from '../../src/engine/index.ts';
import { GpuMeter } from '../../src/engine/profile/index.ts';
import type { HostArrays } from '../../src/tasks/index.ts';
import { type BenchCase, type BenchOptions, type BenchReport, interleaved, median } from '../case.ts';
import {
  type NetworkName,
  networkNames,
  networks,
  type OcelliNetwork,
  syntheticBatch,
} from '../networks/ocelli.ts';
import { NamedWeights } from '../networks/weights.ts';
import { disagreement, type Losses } from './agreement.ts';
import { type Contender, measureStep, type StepMeasurement } from './contender.ts';
import { judge, type StepMetric, type StepNumbers, stepMetrics, verdictText } from './goals.ts';
import { jaxContender, jaxName } from './jax.ts';
import { type Lane, newLane, openLane } from './lane.ts';
import { eagerName, halfName, ocelliContender, ocelliName } from './ocelli.ts';
import { plainContender, plainName } from './plain.ts';
import { type TorchContender, type TorchPrecision, torchContender } from './torch.ts';

interface Entrant {
  readonly contender: Contender;
  readonly lane?: Lane;
  readonly first: StepMeasurement;
  /** Computes in half precision: its losses agree to three digits. */
  readonly half: boolean;
  /** Not in half precision. */
  readonly comparesSecond: boolean;
  /** Of the step after the first. */
  secondLoss?: number;
  failure?: string;
}

/** Milliseconds above which a turn is one step. */
const longStep = 2000;

type EntrantOptions = Partial<Pick<Entrant, 'lane' | 'half' | 'comparesSecond'>>;

const units = {
  step_ms: 'ms',
  enqueue_ms: 'ms',
  us_per_dispatch: 'µs',
  dispatches: 'count',
  submits: 'count',
  gpu_mb: 'MB',
  compile_ms: 'ms',
} as const;

class StepBench {
  private readonly entrants: Entrant[] = [];

  constructor(
    private readonly network: OcelliNetwork,
    private readonly batch: Batch,
    private readonly device: Device,
    private readonly meter: GpuMeter | undefined,
    private readonly report: BenchReport,
    private readonly options: BenchOptions,
  ) {}

  async run(): Promise<void> {
    try {
      await this.enter();
      const rounds = await this.rounds();
      this.tell(rounds);
    } finally {
      for (const { contender, lane } of this.entrants) {
        lane?.enter();
        await contender.dispose();
        lane?.dispose();
      }
    }
  }

  private wanted(peer: 'eager' | 'fp16' | 'tfjs' | 'jax'): boolean {
    return this.options.peers?.includes(peer) ?? true;
  }

  /** Everyone's first step, the cold one. */
  private async enter(): Promise<void> {
    const { network, batch, device, meter, report } = this;
    const gpu = meter !== undefined;
    const own = ocelliContender(network, batch, device, { eager: false });
    const weights = await NamedWeights.of(own.model);
    const ownLane = gpu ? openLane() : undefined;
    await this.admit(own, { ...(ownLane ? { lane: ownLane } : {}) });
    for (const warning of own.warnings()) report.note(warning);
    if (gpu && this.wanted('eager')) {
      await this.attempt(eagerName, async () => {
        const lane = await newLane(device, { asShipped: false });
        lane.enter();
        meter.owner = eagerName;
        await this.admit(ocelliContender(network, batch, device, { eager: true }), { lane });
      });
    }
    if (gpu && this.wanted('fp16') && device.features.includes('shader-f16')) {
      await this.attempt(halfName, async () => {
        ownLane!.enter();
        meter.owner = halfName;
        const settings = { precision: 'fp16' } as const;
        const half = ocelliContender(network, batch, device, { eager: false, settings });
        await this.admit(half, { lane: ownLane!, half: true, comparesSecond: false });
        for (const warning of half.warnings()) report.note(`${halfName}: ${warning}`);
      });
    }
    if (this.wanted('tfjs')) await this.attempt(plainName, () => this.admitPlain(weights, own.targets()));
    if (gpu && this.wanted('jax')) await this.attempt(jaxName, () => this.admitJax(weights));
    for (const precision of this.options.torch ? (['f32', 'autocast'] as const) : []) {
      await this.attempt(`PyTorch, ${precision},`, () =>
        this.admitTorch(this.options.torch!, precision, weights, own.targets()),
      );
    }
  }

  /** A peer that does not come about is left out; the others are measured. */
  private async attempt(name: string, admit: () => Promise<void>): Promise<void> {
    try {
      await admit();
    } catch (error) {
      this.report.note(`${name} is left out: ${error instanceof Error ? error.message : error}`);
    }
  }

  private async admitPlain(weights: NamedWeights, targets: HostArrays): Promise<void> {
    const { network, batch, device, meter } = this;
    const lane = meter ? await newLane(device, { asShipped: true }) : undefined;
    lane?.enter();
    if (meter) meter.owner = plainName;
    const contender = plainContender(network, weights, batch, targets);
    this.checkComplete(weights, plainName);
    await this.admit(contender, {
      ...(lane ? { lane } : {}),
      comparesSecond: network.comparesSecond ?? true,
    });
  }

  private async admitJax(weights: NamedWeights): Promise<void> {
    const { network, batch, report } = this;
    this.meter!.owner = jaxName;
    const contender = await jaxContender(network, weights, batch);
    if (!contender) {
      report.note(`${jaxName} is left out: it would compile for many minutes`);
      return;
    }
    report.note(`${jaxName} compiles (a minute or more) …`);
    this.checkComplete(weights, jaxName);
    await this.admit(contender, {});
  }

  private async admitTorch(
    python: string,
    precision: TorchPrecision,
    weights: NamedWeights,
    targets: HostArrays,
  ): Promise<void> {
    const { network, batch, report } = this;
    const contender = await torchContender(python, network, weights, batch, targets, precision);
    report.note(`${contender.name}: PyTorch ${contender.version}`);
    const half = precision === 'autocast';
    await this.admit(contender, { half, comparesSecond: !half });
  }

  private checkComplete(weights: NamedWeights, name: string): void {
    const missing = weights.takeUnasked();
    if (missing.length > 0)
      throw new Error(`${name} does not train ${missing.slice(0, 5).join(', ')}: another network`);
  }

  private async admit(
    contender: Contender,
    { lane, half = false, comparesSecond = true }: EntrantOptions,
  ): Promise<void> {
    lane?.enter();
    const first = await measureStep(contender, this.meter);
    this.report.note(`${contender.name || 'Ocelli'}: first loss ${first.loss}`);
    this.entrants.push({ contender, ...(lane ? { lane } : {}), first, half, comparesSecond });
  }

  private async rounds(): Promise<Record<string, (StepMeasurement | undefined)[]>> {
    const count = this.options.rounds ?? this.network.rounds;
    return interleaved(
      count,
      Object.fromEntries(this.entrants.map((entrant) => [entrant.contender.name, () => this.turn(entrant)])),
    );
  }

  private async turn(entrant: Entrant): Promise<StepMeasurement | undefined> {
    const { contender, lane } = entrant;
    if (entrant.failure !== undefined) return undefined;
    lane?.enter();
    try {
      const warm = await measureStep(contender, this.meter);
      entrant.secondLoss ??= warm.loss;
      return warm.step_ms > longStep ? warm : await measureStep(contender, this.meter);
    } catch (error) {
      entrant.failure = `it failed: ${error instanceof Error ? error.message : error}`;
      return undefined;
    }
  }

  private numbersOf({ contender, first }: Entrant, measured: readonly StepMeasurement[]): StepNumbers {
    const middle = (key: Exclude<keyof StepMeasurement, 'loss'>): number =>
      median(measured.map((row) => row[key]));
    const times = { step_ms: middle('step_ms'), compile_ms: first.step_ms };
    if ('peakMb' in contender) {
      const peak = (contender as TorchContender).peakMb();
      return { ...times, ...(peak === undefined ? {} : { gpu_mb: peak }) };
    }
    if (!this.meter) return times;
    const [enqueue, dispatches] = [middle('enqueue_ms'), middle('dispatches')];
    return {
      ...times,
      enqueue_ms: enqueue,
      us_per_dispatch: (1000 * enqueue) / dispatches,
      dispatches,
      submits: middle('submits'),
      // In half precision the step lies on Ocelli's device and shares its memory for activations.
      ...(contender.name === halfName ? {} : { gpu_mb: this.meter.bytes(contender.name).peak / 1e6 }),
    };
  }

  private tell(rounds: Readonly<Record<string, (StepMeasurement | undefined)[]>>): void {
    const refused = this.refused();
    const numbers = new Map<string, StepNumbers>();
    for (const entrant of this.entrants) {
      const { name } = entrant.contender;
      const measured = rounds[name]!.filter((row) => row !== undefined);
      if (!refused.has(name)) numbers.set(name, this.numbersOf(entrant, measured));
    }
    const own = numbers.get(ocelliName);
    if (own) {
      for (const metric of stepMetrics) this.tellMetric(metric, own, numbers);
    }
    for (const [name, reason] of refused) {
      if (name !== ocelliName) this.report.note(`${name} has no rows: ${reason}`);
    }
    const ownReason = refused.get(ocelliName);
    if (ownReason !== undefined) throw new Error(`Ocelli has no rows: ${ownReason}`);
  }

  private tellMetric(metric: StepMetric, own: StepNumbers, numbers: ReadonlyMap<string, StepNumbers>): void {
    if (own[metric] === undefined) return;
    const goals = judge(this.network.name, metric, own, numbers);
    this.report.ours(metric, own[metric], units[metric], goals.map(verdictText));
    for (const [name, values] of numbers) {
      if (name === ocelliName || values[metric] === undefined) continue;
      this.report.peer(name, metric, values[metric], units[metric]);
    }
  }

  /** Who failed or computed something else, by name, and why. TensorFlow.js is the reference, or else the first that is there. */
  private refused(): Map<string, string> {
    const lossesOf = ({ first, half, comparesSecond, secondLoss }: Entrant): Losses => ({
      first: first.loss,
      half,
      second: comparesSecond && (this.network.comparesSecond ?? true) ? secondLoss : undefined,
    });
    const working = this.entrants.filter(({ failure }) => failure === undefined);
    const named = (name: string): Entrant | undefined =>
      working.find(({ contender }) => contender.name === name);
    const reference = named(plainName) ?? named(eagerName) ?? working[0];
    const refused = new Map<string, string>();
    for (const entrant of this.entrants) {
      const { name } = entrant.contender;
      if (entrant.failure !== undefined || !reference) {
        refused.set(name, entrant.failure ?? 'there is nobody to compare with');
        continue;
      }
      const losses = lossesOf(entrant);
      // Matched anew each step, Ocelli's two sides compare with each other further than with the peer.
      const reason =
        disagreement(losses, lossesOf(reference)) ??
        (name === ocelliName && named(eagerName)
          ? disagreement(losses, lossesOf(named(eagerName)!))
          : undefined);
      if (reason) {
        const against = reference.contender.name || 'Ocelli';
        refused.set(name, `not the same work: ${reason} (reference: ${against})`);
      }
    }
    return refused;
  }
}

async function run(name: NetworkName, report: BenchReport, options: BenchOptions): Promise<void> {
  // Cold means cold: neither Mesa nor NVIDIA may bring compiled shaders from the disk.
  process.env.MESA_SHADER_CACHE_DISABLE = 'true';
  process.env.__GL_SHADER_DISK_CACHE = '0';
  const network = networks[name];
  const { adapter } = await lookForGpu();
  const device = await openDevice(adapter ? 'webgpu' : 'wasm', { remember: false });
  report.note(device.description);
  const meter = adapter ? GpuMeter.attach() : undefined;
  try {
    await new StepBench(network, syntheticBatch(network), device, meter, report, options).run();
  } finally {
    meter?.dispose();
    await device.dispose();
  }
}

export const stepCases: Readonly<Record<string, BenchCase>> = Object.fromEntries(
  networkNames.map((name) => [
    `step/${name}`,
    { name: `step/${name}`, run: (report, options) => run(name, report, options) } satisfies BenchCase,
  ]),
);
