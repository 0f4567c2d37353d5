/**
 * Messages of protocol buffers (https://protobuf.dev/programming-guides/encoding/) without a schema: fields by their numbers,
 * and nothing copied. For those who want to know little of an ONNX file and hand it on as it is; `codec.ts` reads whole ones.
 */

/** Kinds of fields in a message. */
const wire = { whole: 0, eightBytes: 1, bytes: 2, fourBytes: 5 } as const;

/** The fields of one message, found once; what they hold is read when somebody asks. */
export class WireMessage {
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

  messages(field: number): WireMessage[] {
    return (this.parts.get(field) ?? []).map((bytes) => new WireMessage(bytes));
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
