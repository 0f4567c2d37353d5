/**
 * Layers and models as trees of named parameters. A name is the `state_dict` key of the Hugging Face
 * original, so loading and saving safetensors is the identity; shapes are PyTorch's (`[out, in]`,
 * `[out, in, kh, kw]`), and layers transpose where they compute.
 *
 * A module is built without memory: a parameter knows its shape and how it starts, and gets a tensor when it
 * is initialised or loaded. So a full-size model can be compared with a manifest at no cost.
 */
import type { Random } from '../core/index.ts';
import { tf } from '../engine/index.ts';

/** Fills a fresh parameter; see `init.ts`. `shape` is PyTorch's. */
export type Initializer = (shape: readonly number[], random: Random) => Float32Array;

/** A named tensor of a module: a parameter (trained) or a buffer (running statistics). */
export class Parameter {
  /** Trained at all; `freeze` and frozen backbones set it to false. */
  requiresGrad: boolean;
  private variable: tf.Variable | undefined;

  constructor(
    readonly shape: readonly number[],
    readonly initializer: Initializer,
    readonly kind: 'parameter' | 'buffer' = 'parameter',
    /** The type on disk. On the device everything is float32 (a counter stays exact up to 2^24). */
    readonly dtype: 'F32' | 'I64' = 'F32',
  ) {
    this.requiresGrad = kind === 'parameter';
  }

  get size(): number {
    return this.shape.reduce((product, dimension) => product * dimension, 1);
  }

  /** The tensor on the device. Throws when the module was neither initialised nor loaded. */
  get value(): tf.Variable {
    if (!this.variable)
      throw new Error('the parameter has no value yet: initialise or load the module first');
    return this.variable;
  }

  get isMaterialized(): boolean {
    return this.variable !== undefined;
  }

  /** Copies values (row-major, of this shape) to the device. */
  set(values: Float32Array): void {
    const tensor = tf.tensor(values, [...this.shape], 'float32');
    if (this.variable) {
      this.variable.assign(tensor);
      tensor.dispose();
    } else {
      this.variable = tf.variable(tensor, this.kind === 'parameter');
      tensor.dispose();
    }
  }

  /** A variable in its place while only shapes count, `undefined` to end that; one with values keeps them. */
  lend(variable: tf.Variable | undefined): void {
    this.variable = variable;
  }

  dispose(): void {
    this.variable?.dispose();
    this.variable = undefined;
  }
}

/** What a forward pass needs to know beside its inputs. */
export interface ForwardContext {
  /** Dropout, drop path and batch statistics are on. */
  readonly training: boolean;
  /**
   * The seed of this step as an int32 scalar tensor, so that a recorded step takes it as an input. Each
   * stochastic layer mixes it with a number of its own (`nextStream`). Needed only while training.
   */
  readonly seed?: tf.Tensor;
  /** A number for the next stochastic layer, in call order: the same in every step. */
  nextStream?(): number;
  /** Whether batch norms normalise by the batch (the default: while training) or by their running statistics. */
  readonly batchStatistics?: boolean;
  /**
   * Receives the new value of a buffer (running statistics). A step assigns it after the forward pass, in place
   * when it is recorded; without it buffers stand still. The tensor may lie in a scope that ends before the
   * forward pass does: keep it (`tf.keep`) and dispose of it.
   */
  updateBuffer?(buffer: Parameter, value: tf.Tensor): void;
  /** Also return `hidden_states.<i>` and the like. */
  readonly outputHiddenStates?: boolean;
}

export abstract class Module {
  private readonly own = new Map<string, Parameter>();
  private readonly modules = new Map<string, Module>();

  protected parameter(name: string, shape: readonly number[], initializer: Initializer): Parameter {
    const parameter = new Parameter(shape, initializer);
    this.own.set(name, parameter);
    return parameter;
  }

  protected buffer(
    name: string,
    shape: readonly number[],
    initializer: Initializer,
    dtype: 'F32' | 'I64' = 'F32',
  ): Parameter {
    const buffer = new Parameter(shape, initializer, 'buffer', dtype);
    this.own.set(name, buffer);
    return buffer;
  }

  /** Adds a child under a name, which may contain dots (`layer.0`). */
  protected child<Child extends Module>(name: string, module: Child): Child {
    this.modules.set(name, module);
    return module;
  }

  /** Children under `name.0`, `name.1`, … */
  protected list<Child extends Module>(name: string, modules: readonly Child[]): readonly Child[] {
    modules.forEach((module, i) => void this.child(`${name}.${i}`, module));
    return modules;
  }

  /** Parameters and buffers with their full names, in the order of definition. */
  *tensors(prefix = ''): Iterable<[name: string, tensor: Parameter]> {
    for (const [name, parameter] of this.own) yield [prefix + name, parameter];
    for (const [name, module] of this.modules) yield* module.tensors(`${prefix}${name}.`);
  }

  *parameters(): Iterable<[name: string, parameter: Parameter]> {
    for (const entry of this.tensors()) if (entry[1].kind === 'parameter') yield entry;
  }

  *buffers(): Iterable<[name: string, buffer: Parameter]> {
    for (const entry of this.tensors()) if (entry[1].kind === 'buffer') yield entry;
  }

  dispose(): void {
    for (const [, tensor] of this.tensors()) tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
