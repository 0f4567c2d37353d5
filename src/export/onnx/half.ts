/**
 * A float32 model to half precision: weights and everything that is computed from the picture become float16,
 * inputs and outputs stay float32. What is computed from sizes and masks alone (position embeddings: angles
 * that need more than eleven bits) stays float32 and is converted where it meets the picture.
 */
import {
  AttributeType,
  DataType,
  finiteHalves,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from '../../formats/onnx/index.ts';

export interface TypedModel {
  readonly model: OnnxModel;
  /** Element type by value name. */
  readonly types: ReadonlyMap<string, number>;
}

/** Operators whose half form some runtime lacks (onnxruntime's WebGPU provider: cubic Resize). */
const alwaysSingle = new Set(['Resize']);

/** In bytes: constants below are numbers of a formula, not weights. */
const smallestTable = 256;

/** `dataInputs`: the inputs whose descendants are converted. */
export function toHalfPrecision({ model, types }: TypedModel, dataInputs: readonly string[]): OnnxModel {
  const { graph } = model;
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const outputs = new Set(graph.output.map((value) => value.name));
  const nodes: OnnxNode[] = [];
  const halves = new Map<string, string>();
  const singles = new Map<string, string>();
  const kept: OnnxTensor[] = [];
  const isFloat = (name: string): boolean => types.get(name) === DataType.float;

  const cast = (from: string, to: string, type: number): void => {
    nodes.push({
      name: `cast_${to}`,
      opType: 'Cast',
      input: [from],
      output: [to],
      attribute: [{ name: 'to', type: AttributeType.int, i: type }],
    });
  };
  /** The half form of a value: made already, a converted weight, or a cast put in here. */
  const half = (name: string): string => {
    const known = halves.get(name);
    if (known !== undefined) return known;
    const tensor = initializers.get(name);
    const converted = `${name}_fp16`;
    if (tensor) kept.push(halfTensor(tensor, converted));
    else cast(name, converted, DataType.float16);
    halves.set(name, converted);
    return converted;
  };

  /** The float32 form of a value, for what is computed in float32 only. Weights are stored as halves all the same. */
  const single = (name: string): string => {
    const tensor = initializers.get(name);
    const isHalf = tensor ? tensor.rawData.byteLength > smallestTable : halves.get(name) === name;
    if (!isHalf) return name;
    const source = half(name);
    const known = singles.get(source) ?? `${name}_fp32`;
    if (!singles.has(source)) cast(source, known, DataType.float);
    singles.set(source, known);
    return known;
  };
  /** A table of weights that is resized or cut at run time: nothing but weights goes in. */
  const readsOnlyWeights = (node: OnnxNode): boolean => {
    const floats = node.input.filter((name) => name !== '' && isFloat(name));
    const tensors = floats.map((name) => initializers.get(name));
    return tensors.every(Boolean) && tensors.some((tensor) => tensor!.rawData.byteLength > smallestTable);
  };

  for (const name of dataInputs) half(name);
  for (const node of graph.node) {
    const inHalf =
      node.opType !== 'Shape' &&
      (node.input.some((name) => halves.has(name) && !initializers.has(name)) || readsOnlyWeights(node));
    if (!inHalf) {
      nodes.push(node);
      continue;
    }
    if (alwaysSingle.has(node.opType)) {
      nodes.push({ ...node, input: node.input.map((name) => (isFloat(name) ? single(name) : name)) });
      continue;
    }
    const input = node.input.map((name) => (name !== '' && isFloat(name) ? half(name) : name));
    if (node.output.every((name) => outputs.has(name))) {
      cast(input[0]!, node.output[0]!, DataType.float);
      continue;
    }
    nodes.push({ ...node, input });
    // Values keep their names; from here on they are halves. A cast's target type is its own business.
    if (node.opType === 'Cast') continue;
    for (const name of node.output) if (isFloat(name)) halves.set(name, name);
  }
  const used = new Set(nodes.flatMap((node) => node.input));
  const initializer = [...graph.initializer, ...kept].filter((tensor) => used.has(tensor.name));
  return { ...model, graph: { ...graph, node: nodes, initializer } };
}

function halfTensor(tensor: OnnxTensor, name: string): OnnxTensor {
  const { buffer, byteOffset, byteLength } = tensor.rawData;
  const floats = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
  return {
    ...tensor,
    name,
    dataType: DataType.float16,
    rawData: new Uint8Array(finiteHalves(floats).buffer),
  };
}
