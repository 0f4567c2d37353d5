/**
 * Models of tasks that go through transformers.js, small enough to be written by hand and such that their answers are
 * known: a segmentation by the strongest colour, depth by brightness, and a zero-shot classification in which a text is
 * near to a picture when it names its colour. All look at pictures of 32 × 32.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import {
  AttributeType,
  DataType,
  encodeOnnx,
  type OnnxAttribute,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValueInfo,
} from '../../../src/formats/onnx/index.ts';

const side = 32;
/** Pixels of a cell: one of its sides. */
const cell = 4;
const colors = ['red', 'green', 'blue'];

export function writePipelineModels(root: string): void {
  const processor = {
    ...{ do_resize: true, size: { height: side, width: side }, resample: 2 },
    ...{ do_rescale: true, do_normalize: false, do_center_crop: false },
  };
  const names = Object.fromEntries(colors.map((color, i) => [i, color]));
  write(join(root, 'segments'), {
    config: {
      ...{ model_type: 'segformer', architectures: ['SegformerForSemanticSegmentation'] },
      ...{ id2label: names, num_labels: colors.length },
    },
    processor: { ...processor, image_processor_type: 'SegformerImageProcessor' },
    onnx: model(
      [pixels],
      [port('logits', ['batch', 3, 'rows', 'columns'])],
      [averages('logits')],
      [weights(3, (channel, from) => (channel === from ? 1 : 0))],
    ),
  });
  write(join(root, 'depth'), {
    config: { model_type: 'dpt', architectures: ['DPTForDepthEstimation'] },
    processor: { ...processor, image_processor_type: 'DPTImageProcessor' },
    onnx: model(
      [pixels],
      [port('predicted_depth', ['batch', 'rows', 'columns'])],
      [averages('depth'), node('Squeeze', ['depth', 'one'], 'predicted_depth')],
      [weights(1, () => 1 / 3), whole('one', [1])],
    ),
  });
  write(join(root, 'zero-shot'), {
    config: { model_type: 'clip', architectures: ['CLIPModel'] },
    processor: { ...processor, image_processor_type: 'CLIPImageProcessor' },
    onnx: model(
      [pixels, port('input_ids', ['texts', 'words'], DataType.int64)],
      [port('logits_per_image', ['batch', 'texts'])],
      [
        node('ReduceMean', ['pixel_values'], 'picture', [ints('axes', [2, 3]), int('keepdims', 0)]),
        node('Gather', ['words', 'input_ids'], 'meanings'),
        node('ReduceMax', ['meanings'], 'texts', [ints('axes', [1]), int('keepdims', 0)]),
        node('Transpose', ['texts'], 'turned', [ints('perm', [1, 0])]),
        node('MatMul', ['picture', 'turned'], 'similar'),
        node('Mul', ['similar', 'scale'], 'logits_per_image'),
      ],
      [
        // Row 0 is padding, row 1 any other word; the others name a colour.
        floats('words', [5, 3], [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]),
        floats('scale', [1], [10]),
      ],
    ),
    files: {
      'tokenizer_config.json': { tokenizer_class: 'PreTrainedTokenizerFast', pad_token: '[PAD]' },
      'tokenizer.json': tokenizer(['[PAD]', '[UNK]', ...colors]),
    },
  });
}

interface Folder {
  readonly config: object;
  readonly processor: object;
  readonly onnx: Uint8Array;
  readonly files?: Readonly<Record<string, object>>;
}

function write(folder: string, { config, processor, onnx, files = {} }: Folder): void {
  const texts = { 'config.json': config, 'preprocessor_config.json': processor, ...files };
  for (const [path, value] of Object.entries(texts)) put(join(folder, path), JSON.stringify(value));
  put(join(folder, 'onnx/model.onnx'), onnx);
}

function put(path: string, contents: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, contents);
}

function model(
  input: OnnxValueInfo[],
  output: OnnxValueInfo[],
  nodes: OnnxNode[],
  initializer: OnnxTensor[],
): Uint8Array {
  return encodeOnnx({
    ...{ irVersion: 8, opsetImport: [{ domain: '', version: 17 }] },
    ...{ producerName: 'tests', producerVersion: '1', metadataProps: [] },
    graph: { name: 'tiny', node: nodes, initializer, input, output },
  });
}

function port(
  name: string,
  shape: readonly (number | string)[],
  elemType: number = DataType.float,
): OnnxValueInfo {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType, shape: { dim } } } };
}

const pixels = port('pixel_values', ['batch', 3, 'height', 'width']);

function node(opType: string, input: string[], output: string, attribute: OnnxAttribute[] = []): OnnxNode {
  return { name: output, opType, input, output: [output], attribute };
}

/** The mean of each cell of a picture, by the kernel `weights`. */
function averages(output: string): OnnxNode {
  const size = [cell, cell];
  return node('Conv', ['pixel_values', 'weights'], output, [
    ints('strides', size),
    ints('kernel_shape', size),
  ]);
}

function weights(channels: number, share: (channel: number, from: number) => number): OnnxTensor {
  const area = cell * cell;
  const values = Array.from({ length: channels * 3 * area }, (_, i) => {
    const at = Math.floor(i / area);
    return share(Math.floor(at / 3), at % 3) / area;
  });
  return floats('weights', [channels, 3, cell, cell], values);
}

const int = (name: string, i: number): OnnxAttribute => ({ name, type: AttributeType.int, i });
const ints = (name: string, list: number[]): OnnxAttribute => ({
  name,
  type: AttributeType.ints,
  ints: list,
});

function floats(name: string, dims: number[], values: readonly number[]): OnnxTensor {
  const rawData = new Uint8Array(Float32Array.from(values).buffer);
  return { name, dims, dataType: DataType.float, rawData };
}

function whole(name: string, values: readonly number[]): OnnxTensor {
  const rawData = new Uint8Array(BigInt64Array.from(values, BigInt).buffer);
  return { name, dims: [values.length], dataType: DataType.int64, rawData };
}

/** Words between blanks; the first is padding, the second stands for words that are not in the list. */
function tokenizer(words: readonly string[]): object {
  return {
    ...{ version: '1.0', truncation: null, padding: null, normalizer: null },
    ...{ post_processor: null, decoder: null, pre_tokenizer: { type: 'Whitespace' } },
    added_tokens: words.slice(0, 2).map((content, id) => ({ id, content, special: true })),
    model: {
      ...{ type: 'WordPiece', unk_token: words[1] },
      ...{ continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    },
  };
}
