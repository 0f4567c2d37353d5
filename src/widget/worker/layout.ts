/**
 * In which order onnxruntime's WebGPU provider keeps pictures. Its convolutions run on channels last (NHWC), and before
 * and after them it puts transposes: right for a network of convolutions, where nearly all of them cancel. A vision
 * transformer has a single convolution, which cuts the picture into patches; there the transpose of the whole picture costs
 * more than the convolution (84 of 381 ms for the small ViT of `bench/predict` on SwiftShader), and channels first (NCHW),
 * the order that the picture comes in, is quicker with the same numbers.
 *
 * A convolution that cuts reads every pixel at most once: its strides are at least as long as its kernel. To find out,
 * only the nodes and the shapes of weights are read from the file, by the field numbers of onnx.proto.
 */
import { WireMessage } from '../../formats/onnx/index.ts';

/** Field numbers of onnx.proto. */
const fieldOf = {
  model: { graph: 7 },
  graph: { node: 1, initializer: 5 },
  node: { input: 1, opType: 4, attribute: 5 },
  attribute: { name: 1, ints: 8 },
  tensor: { dims: 1, name: 8 },
} as const;

/**
 * Undefined, the provider's own choice, where convolutions slide, where there are none, and where the file can't be read,
 * which the provider says better.
 */
export function layoutOf(model: Uint8Array): 'NCHW' | undefined {
  try {
    const convolutions = convolutionsOf(model);
    return convolutions.length > 0 && convolutions.every(isCutting) ? 'NCHW' : undefined;
  } catch {
    return undefined;
  }
}

interface Convolution {
  /** [height, width]; undefined where the file does not say it. */
  readonly kernel: readonly number[] | undefined;
  readonly strides: readonly number[] | undefined;
}

/** Strides that are left out are 1. */
function isCutting({ kernel, strides }: Convolution): boolean {
  return kernel?.every((size, axis) => size <= (strides?.[axis] ?? 1)) ?? false;
}

function convolutionsOf(model: Uint8Array): Convolution[] {
  const shapes = new Map<string, number[]>();
  const nodes: WireMessage[] = [];
  for (const graph of new WireMessage(model).messages(fieldOf.model.graph)) {
    for (const tensor of graph.messages(fieldOf.graph.initializer)) {
      shapes.set(tensor.texts(fieldOf.tensor.name)[0] ?? '', tensor.wholes(fieldOf.tensor.dims));
    }
    for (const node of graph.messages(fieldOf.graph.node)) {
      const [type = ''] = node.texts(fieldOf.node.opType);
      if (type === 'Conv' || type === 'ConvTranspose') nodes.push(node);
    }
  }
  return nodes.map((node) => {
    const attributes = new Map(
      node
        .messages(fieldOf.node.attribute)
        .map((attribute) => [
          attribute.texts(fieldOf.attribute.name)[0],
          attribute.wholes(fieldOf.attribute.ints),
        ]),
    );
    // The weight is [channels, channels of a group, …kernel].
    const weight = shapes.get(node.texts(fieldOf.node.input)[1] ?? '');
    return { kernel: attributes.get('kernel_shape') ?? weight?.slice(2), strides: attributes.get('strides') };
  });
}
