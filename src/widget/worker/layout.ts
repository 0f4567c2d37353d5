/**
 * In which order onnxruntime's WebGPU provider keeps pictures. Its convolutions run on channels last (NHWC), and before
 * and after them it puts transposes: right for a network of convolutions, where nearly all of them cancel. A vision
 * transformer has a single convolution, which cuts the picture into patches; there the transpose of the whole picture costs
 * more than the convolution (84 of 381 ms for the small ViT of `bench/predict` on SwiftShader), and channels first (NCHW),
 * the order that the picture comes in, is quicker with the same numbers.
 *
 * A convolution that cuts reads every pixel at most once: its strides are at least as long as its kernel. To find out,
 * only the nodes and the shapes of weights are read from the file, by the wire format of protocol buffers
 * (https://protobuf.dev/programming-guides/encoding/) and the field numbers of onnx.proto: weights are stepped over.
 */

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
  const nodes: Message[] = [];
  for (const graph of new Message(model).messages(fieldOf.model.graph)) {
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

/** Kinds of fields in a message. */
const wire = { whole: 0, eightBytes: 1, bytes: 2, fourBytes: 5 } as const;

/** The fields of one message, found once; what they hold is read when somebody asks. */
class Message {
  private readonly parts = new Map<number, Uint8Array[]>();
  private readonly numbers = new Map<number, number[]>();

  /** @throws RangeError where the bytes are no message */
  constructor(bytes: Uint8Array) {
    const reader = new Reader(bytes);
    while (!reader.atEnd) {
      const tag = reader.whole();
      const field = Math.floor(tag / 8);
      const kind = tag % 8;
      if (kind === wire.whole) append(this.numbers, field, reader.whole());
      else if (kind === wire.bytes) append(this.parts, field, reader.bytes(reader.whole()));
      else if (kind === wire.eightBytes) reader.bytes(8);
      else if (kind === wire.fourBytes) reader.bytes(4);
      else throw new RangeError(`no field of a message: kind ${kind}`);
    }
  }

  messages(field: number): Message[] {
    return (this.parts.get(field) ?? []).map((bytes) => new Message(bytes));
  }

  texts(field: number): string[] {
    return (this.parts.get(field) ?? []).map((bytes) => new TextDecoder().decode(bytes));
  }

  /** Whole numbers of a repeated field, each for itself or packed. */
  wholes(field: number): number[] {
    const packed = (this.parts.get(field) ?? []).flatMap((bytes) => {
      const reader = new Reader(bytes);
      const numbers: number[] = [];
      while (!reader.atEnd) numbers.push(reader.whole());
      return numbers;
    });
    return [...(this.numbers.get(field) ?? []), ...packed];
  }
}

class Reader {
  private at = 0;

  constructor(private readonly all: Uint8Array) {}

  get atEnd(): boolean {
    return this.at >= this.all.length;
  }

  /** Seven bits a byte, the lowest first. Exact up to 2⁵³; negative numbers come out large. */
  whole(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.all[this.at++];
      if (byte === undefined) throw new RangeError('the message ends in a number');
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  /** A view. */
  bytes(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.all.length) throw new RangeError('the message ends in a field');
    const bytes = this.all.subarray(this.at, end);
    this.at = end;
    return bytes;
  }
}

function append<Value>(lists: Map<number, Value[]>, field: number, value: Value): void {
  const list = lists.get(field);
  if (list) list.push(value);
  else lists.set(field, [value]);
}
