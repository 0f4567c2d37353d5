/**
 * A recorded computation as plain data: what ran (kernels with their attributes), on which values, from which
 * inputs. Nothing in it refers to tensors or devices, so it can be printed, compared, stored and sent to a
 * worker. Two readers live on it: the export to ONNX lowers it, a compiled training step plans and replays it.
 */

export type GraphDtype = 'float32' | 'int32' | 'bool';
export type GraphData = Float32Array | Int32Array | Uint8Array;

/** An attribute of a kernel: JSON, as TensorFlow.js' kernel attributes are. */
export type GraphAttribute =
  | number
  | string
  | boolean
  | null
  | readonly GraphAttribute[]
  | { readonly [name: string]: GraphAttribute };

/** Something computed or given. `id` is its position in `Graph.values`. */
export interface GraphValue {
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: GraphDtype;
}

/** One kernel that ran. Lists of tensors (Concat, Pack, AddN) have the input names `0`, `1`, … */
export interface GraphNode {
  /** TensorFlow.js' kernel name, or `Ocelli…` for an operation of our own. */
  readonly kernel: string;
  readonly attrs: Readonly<Record<string, GraphAttribute>>;
  readonly inputs: Readonly<Record<string, number>>;
  readonly outputs: readonly number[];
}

export interface Graph {
  /** In the order in which they ran; only those that an output or an update needs. */
  readonly nodes: readonly GraphNode[];
  readonly values: readonly GraphValue[];
  /** What the caller feeds, by the caller's names. */
  readonly inputs: Readonly<Record<string, number>>;
  /** Variables that were read, by name; their contents are not part of the graph. */
  readonly parameters: Readonly<Record<string, number>>;
  /** Tensors that were made on the host while recording, or existed before and are no variables. */
  readonly constants: ReadonlyMap<number, GraphData>;
  readonly outputs: Readonly<Record<string, number>>;
  /** Variables that the function assigned, and the value that each has afterwards. */
  readonly updates: Readonly<Record<string, number>>;
  /** Values below this id came before the gradients: the forward pass and the loss. Left out: there are no gradients. */
  readonly backward?: number;
}
