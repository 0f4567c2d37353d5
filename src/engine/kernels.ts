/**
 * Kernels of our own under TensorFlow.js' registry, where a composition of its ops would not do: integer
 * hashing that it lacks, data movement that it does element by element.
 *
 * A host kernel is JavaScript on typed arrays; it serves the cpu backend and, on views of the heap, wasm. A
 * WebGPU kernel of this file computes one output element per invocation; TensorFlow.js' program wrapper gives
 * it its bindings and dispatch.
 */
import type { BackendName } from './backends/backend.ts';
import * as tf from './tf.ts';

export type HostArray = Float32Array | Int32Array | Uint8Array;

export interface HostTensor {
  readonly values: HostArray;
  readonly shape: readonly number[];
}

export interface HostOutput {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
}

export interface HostKernel<Input extends string, Attrs extends object> {
  /** Shape and type of what will be computed, one entry per output. */
  outputs(inputs: Record<Input, tf.TensorInfo>, attrs: Attrs): HostOutput[];
  /** Fills the outputs, which hold arbitrary numbers before. */
  run(inputs: Record<Input, HostTensor>, outputs: readonly HostArray[], attrs: Attrs): void;
}

/** The members of the two host backends that are used here; the version is pinned because of them. */
interface CpuBackend {
  readonly data: { get(id: object): { values: HostArray } };
  makeTensorInfo(shape: readonly number[], dtype: string, values: HostArray): tf.TensorInfo;
}
interface WasmBackend {
  makeOutput(shape: readonly number[], dtype: string): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): HostArray;
}

type KernelParameters = { inputs: tf.NamedTensorInfoMap; attrs?: tf.NamedAttrMap; backend: unknown };

/** Registers a kernel in place of the one that is there, keeping its set-up. */
export function replaceKernel(
  kernelName: string,
  backendName: BackendName,
  kernelFunc: (parameters: KernelParameters) => tf.TensorInfo | tf.TensorInfo[],
): void {
  const before = tf.getKernel(kernelName, backendName);
  if (before) tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    ...before,
    kernelName,
    backendName,
    kernelFunc: kernelFunc as unknown as tf.KernelFunc,
  });
}

/** Registers a host kernel for cpu and wasm, or only one of them. */
export function registerHostKernel<Input extends string, Attrs extends object>(
  kernelName: string,
  kernel: HostKernel<Input, Attrs>,
  backends: readonly ('cpu' | 'wasm')[] = ['cpu', 'wasm'],
): void {
  for (const backendName of backends) {
    const run = backendName === 'cpu' ? runOnCpu : runOnWasm;
    replaceKernel(kernelName, backendName, ({ inputs, attrs, backend }) =>
      run(
        kernel as HostKernel<string, object>,
        inputs,
        (attrs ?? {}) as unknown as object,
        backend as CpuBackend & WasmBackend,
      ),
    );
  }
}

function runOnCpu(
  kernel: HostKernel<string, object>,
  inputs: tf.NamedTensorInfoMap,
  attrs: object,
  backend: CpuBackend,
): tf.TensorInfo | tf.TensorInfo[] {
  const declared = kernel.outputs(inputs as Record<string, tf.TensorInfo>, attrs);
  const outputs = declared.map(({ shape, dtype }) => {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    if (dtype === 'float32') return new Float32Array(size);
    return dtype === 'int32' ? new Int32Array(size) : new Uint8Array(size);
  });
  kernel.run(
    mapInputs(inputs, (info) => backend.data.get(info.dataId).values),
    outputs,
    attrs,
  );
  return oneOrAll(declared.map(({ shape, dtype }, i) => backend.makeTensorInfo(shape, dtype, outputs[i]!)));
}

function runOnWasm(
  kernel: HostKernel<string, object>,
  inputs: tf.NamedTensorInfoMap,
  attrs: object,
  backend: WasmBackend,
): tf.TensorInfo | tf.TensorInfo[] {
  const declared = kernel.outputs(inputs as Record<string, tf.TensorInfo>, attrs);
  // All memory first: when the heap grows, views of it taken before are dead.
  const infos = declared.map(({ shape, dtype }) => backend.makeOutput(shape, dtype));
  kernel.run(
    mapInputs(inputs, (info) => backend.typedArrayFromHeap(info)),
    infos.map((info) => backend.typedArrayFromHeap(info)),
    attrs,
  );
  return oneOrAll(infos);
}

/** A kernel with one output returns it bare. */
const oneOrAll = (infos: tf.TensorInfo[]): tf.TensorInfo | tf.TensorInfo[] =>
  infos.length === 1 ? infos[0]! : infos;

function mapInputs(
  inputs: tf.NamedTensorInfoMap,
  values: (info: tf.TensorInfo) => HostArray,
): Record<string, HostTensor> {
  const found: Record<string, HostTensor> = {};
  for (const [name, info] of Object.entries(inputs))
    if (info) found[name] = { values: values(info), shape: info.shape };
  return found;
}

export interface WebgpuUniform {
  readonly name: string;
  readonly type: 'i32' | 'f32';
  readonly value: number;
}

export interface WebgpuElementKernel<Input extends string, Attrs extends object> {
  /** The inputs in the order of their bindings; in WGSL each is an array of that name. */
  readonly inputs: readonly Input[];
  outputShape(inputs: Record<Input, tf.TensorInfo>, attrs: Attrs): readonly number[];
  /** Read as `uniforms.<name>`. */
  uniforms(attrs: Attrs, inputs: Record<Input, tf.TensorInfo>): readonly WebgpuUniform[];
  /** WGSL functions that `element` calls. */
  readonly functions: string;
  /** WGSL: the body of a function of `index : i32` that returns the output element. */
  readonly element: string;
}

interface WebgpuBackend {
  runWebGPUProgram(
    program: object,
    inputs: readonly tf.TensorInfo[],
    dtype: string,
    uniforms: readonly { type: string; data: number[] }[],
  ): tf.TensorInfo;
}

const workgroupSize = 256;

type RunWebgpu<Input extends string, Attrs extends object> = (
  inputs: Record<Input, tf.TensorInfo>,
  attrs: Attrs,
  backend: unknown,
) => tf.TensorInfo;

/** Registers a kernel that is one dispatch. */
export function registerWebgpuKernel<Input extends string, Attrs extends object>(
  kernelName: string,
  kernel: WebgpuElementKernel<Input, Attrs>,
): void {
  const run = webgpuElements(kernelName, kernel);
  replaceKernel(kernelName, 'webgpu', ({ inputs, attrs, backend }) =>
    run(inputs as Record<Input, tf.TensorInfo>, (attrs ?? {}) as unknown as Attrs, backend),
  );
}

/** One dispatch, for kernels that make several. `programName` names its pipeline. */
export function webgpuElements<Input extends string, Attrs extends object>(
  programName: string,
  kernel: WebgpuElementKernel<Input, Attrs>,
): RunWebgpu<Input, Attrs> {
  const userCode = `
    ${kernel.functions}
    fn element(index : i32) -> f32 {
      ${kernel.element}
    }
    fn main(index : i32) {
      if (index < uniforms.size) { result[index] = element(index); }
    }`;
  return (inputs, attrs, backend) => {
    const shape = kernel.outputShape(inputs, attrs);
    const size = tf.util.sizeFromShape([...shape]);
    const uniforms = kernel.uniforms(attrs, inputs);
    const program = {
      outputShape: [size],
      dispatchLayout: { x: [0] },
      dispatch: [Math.ceil(size / workgroupSize), 1, 1],
      workgroupSize: [workgroupSize, 1, 1],
      variableNames: kernel.inputs,
      uniforms: uniforms.map(({ name, type }) => `${name} : ${type},`).join(' '),
      shaderKey: programName,
      size: true,
      getUserCode: () => userCode,
    };
    // Flat views: one pipeline serves every rank.
    const flat = kernel.inputs.map((name) => ({
      ...inputs[name],
      dataId: inputs[name].dataId,
      dtype: inputs[name].dtype,
      shape: [tf.util.sizeFromShape(inputs[name].shape)],
    }));
    const result = (backend as WebgpuBackend).runWebGPUProgram(
      program,
      flat,
      'float32',
      uniforms.map(({ type, value }) => ({ type: type === 'i32' ? 'int32' : 'float32', data: [value] })),
    );
    return { ...result, shape: [...shape] };
  };
}
