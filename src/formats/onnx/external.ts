/**
 * Which files beside an ONNX file hold weights of it: `external_data` of its tensors. Files above 2 GiB must be parted so,
 * and many exporters always do it (`model.onnx_data` by optimum, `model.onnx.data` by PyTorch).
 *
 * This walks over the protocol buffer and decodes nothing else, so that pages, which hand the file to onnxruntime as it is,
 * need no copy of it and no reader of the format. The numbers of the fields are those of onnx.proto.
 */

type Message = 'model' | 'graph' | 'function' | 'node' | 'attribute' | 'sparse' | 'tensor' | 'entry';

/** Fields of a message that lead to tensors. */
const fieldsOf: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
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
  walk(bytes, 'model', found);
  return [...found];
}

function walk(bytes: Uint8Array, message: Message, found: Set<string>): void {
  const known = fieldsOf[message];
  const texts = ['', ''];
  for (const { number, content } of lengthDelimited(bytes)) {
    const inner = known[number];
    if (inner) walk(content, inner, found);
    else if (message === 'entry' && (number === 1 || number === 2))
      texts[number - 1] = new TextDecoder().decode(content);
  }
  const [key, value] = texts as [string, string];
  if (key === 'location' && value !== '') found.add(value);
}

/** Wire types: 0 a number of varying length, 1 eight bytes, 2 a length and so many bytes, 5 four bytes. */
function* lengthDelimited(bytes: Uint8Array): Generator<{ number: number; content: Uint8Array }> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length; scale *= 128) {
      const byte = bytes[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    return Number.NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const type = tag % 8;
    if (type === 0) varint();
    else if (type === 1) at += 8;
    else if (type === 5) at += 4;
    else if (type === 2) {
      const length = varint();
      if (!(at + length <= bytes.length)) return;
      yield { number: Math.floor(tag / 8), content: bytes.subarray(at, at + length) };
      at += length;
    } else return;
  }
}
