/**
 * The weights that all contenders start from: Ocelli's fresh model read back, by Hugging Face's names and in
 * torch's layouts. A peer takes each by name and turns it into its own layout; what it never asked for is a
 * sign that its network is another one.
 */
import type { TrainableModel } from '../../src/training/index.ts';

export interface NamedArray {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export class NamedWeights {
  private readonly asked = new Set<string>();

  constructor(
    private readonly arrays: ReadonlyMap<string, NamedArray>,
    /** Names of what is trained. */
    private readonly trained: readonly string[],
  ) {}

  static async of(model: TrainableModel): Promise<NamedWeights> {
    const arrays = new Map<string, NamedArray>();
    for (const [name, parameter] of model.tensors()) {
      const data = Float32Array.from(await parameter.value.data());
      arrays.set(name, { shape: parameter.shape, data });
    }
    const trained = [...model.parameters()].filter(([, { requiresGrad }]) => requiresGrad);
    return new NamedWeights(
      arrays,
      trained.map(([name]) => name),
    );
  }

  /** In torch's layout. */
  get(name: string): NamedArray {
    const array = this.arrays.get(name);
    if (!array) throw new Error(`the model has no tensor ${name}`);
    this.asked.add(name);
    return array;
  }

  /** [out, in] → [in, out]; [out, in, height, width] → [height, width, in, out]. */
  transposed(name: string): NamedArray {
    const { shape, data } = this.get(name);
    return shape.length === 2 ? permute({ shape, data }, [1, 0]) : permute({ shape, data }, [2, 3, 1, 0]);
  }

  entries(): Iterable<[string, NamedArray]> {
    return this.arrays.entries();
  }

  /** Trained tensors that were not asked for since the last call. */
  takeUnasked(): string[] {
    const left = this.trained.filter((name) => !this.asked.has(name));
    this.asked.clear();
    return left;
  }
}

export function permute({ shape, data }: NamedArray, order: readonly number[]): NamedArray {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const target = order.map((axis) => shape[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  const moved = new Float32Array(data.length);
  const at = target.map(() => 0);
  let from = 0;
  for (let to = 0; to < moved.length; to++) {
    moved[to] = data[from]!;
    for (let axis = target.length - 1; axis >= 0; axis--) {
      at[axis]!++;
      from += steps[axis]!;
      if (at[axis]! < target[axis]!) break;
      from -= at[axis]! * steps[axis]!;
      at[axis] = 0;
    }
  }
  return { shape: target, data: moved };
}
