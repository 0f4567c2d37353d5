/**
 * Which files beside an ONNX file hold weights of it: `external_data` of its tensors. Files above 2 GiB must be parted so,
 * and many exporters always do it (`model.onnx_data` by optimum, `model.onnx.data` by PyTorch).
 *
 * This walks over the protocol buffer and decodes nothing else, so that pages, which hand the file to onnxruntime as it is,
 * need no copy of it and no reader of the format. The numbers of the fields are those of onnx.proto.
 */
import { WireMessage } from './wire.ts';

type Kind = 'model' | 'graph' | 'function' | 'node' | 'attribute' | 'sparse' | 'tensor' | 'entry';

/** Fields of a message that lead to tensors. */
const fieldsOf: Readonly<Record<Kind, Readonly<Record<number, Kind>>>> = {
  model: { 7: 'graph', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'entry' },
  entry: {},
};

/** `location`s as the file writes them, each once. What does not parse ends the walk: onnxruntime says what is wrong. */
export function externalFiles(bytes: Uint8Array): string[] {
  const found = new Set<string>();
  try {
    walk(new WireMessage(bytes), 'model', found);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return [...found];
}

function walk(message: WireMessage, kind: Kind, found: Set<string>): void {
  for (const [field, inner] of Object.entries(fieldsOf[kind])) {
    for (const part of message.messages(Number(field))) walk(part, inner, found);
  }
  if (kind !== 'entry') return;
  const [[key], [value]] = [message.texts(1), message.texts(2)];
  if (key === 'location' && value) found.add(value);
}
