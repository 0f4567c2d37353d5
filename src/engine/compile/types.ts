/**
 * A compiled step as plain data: WGSL kernels in the order in which they run, the values that they read and
 * write, and where the host takes part. The planner makes it from a recorded graph; the executor keeps it ready
 * on a device. Everything is static: shapes and attributes are written into the WGSL, and what varies from step
 * to step (learning rate, seeds, images) is an input buffer. Nothing here refers to a device or to tensors, so a
 * plan can be printed and compared.
 */
import type { GraphData, GraphDtype } from '../graph/index.ts';

/** How a value lies in memory. `bool` is stored as u32 0 or 1; `f16` holds a float32 value in half the bytes. */
export type StorageType = 'f32' | 'f16' | 'i32' | 'u32';

/** Something that lies in memory: an input, a parameter, a constant, or what a kernel wrote. */
export interface PlanValue {
  /** Ids of graph values stay; temporaries of kernels get further ids. */
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: GraphDtype;
  readonly storage: StorageType;
  /** A slice of another value's memory, from this element on (a multiple of 256 bytes). */
  readonly within?: { readonly value: number; readonly offset: number };
}

export interface PlanBinding {
  readonly value: number;
  /** Written means also readable: an update in place. */
  readonly access: 'read' | 'write';
}

/** One dispatch. Bindings are `@group(0) @binding(i)` in this order; the entry point is `main`. */
export interface PlanKernel {
  /** For people, in profiles: `BatchMatMul + Add + Gelu`. */
  readonly label: string;
  readonly wgsl: string;
  readonly bindings: readonly PlanBinding[];
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Arithmetic operations and bytes of memory traffic, as far as known: for profiles. */
  readonly flops: number;
  readonly bytes: number;
  /** Positions in `Graph.nodes` that this kernel computes. */
  readonly nodes: readonly number[];
  /** Features that the WGSL enables: `f16`, `subgroups`. */
  readonly features?: readonly string[];
}

export interface KernelPlan {
  readonly values: ReadonlyMap<number, PlanValue>;
  readonly kernels: readonly PlanKernel[];
  /** Fed before each run, by the caller's names. */
  readonly inputs: Readonly<Record<string, number>>;
  /** Read, and kept from run to run. */
  readonly parameters: Readonly<Record<string, number>>;
  readonly constants: ReadonlyMap<number, GraphData>;
  /** Read back. */
  readonly outputs: Readonly<Record<string, number>>;
  /**
   * What parameters hold after the run. Where it is the parameter's own id, a kernel wrote it in place; else the
   * new value may be written over the old one once nobody reads that.
   */
  readonly updates: Readonly<Record<string, number>>;
  /**
   * Where the host takes part: before kernel `kernel`, the outputs named `reads` are awaited and the inputs
   * named `writes` are fed. Inputs of no halt are fed at the start.
   */
  readonly halts: readonly {
    readonly kernel: number;
    readonly reads: readonly string[];
    readonly writes: readonly string[];
  }[];
}
