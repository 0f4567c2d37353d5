/**
 * The header of a safetensors file: eight bytes with the length of a JSON text (little endian), the text, then
 * the tensors' bytes without gaps. https://huggingface.co/docs/safetensors/index#format
 *
 * Nothing that the file says of itself is believed before it was checked against the file's size: a header that
 * claims 2^60 bytes, or a tensor that lies outside of the file, ends in a CheckpointError and not in an
 * allocation.
 */
import { CheckpointError } from '../../core/index.ts';

/** Bytes per element. */
export const elementSizes = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  F64: 8,
  I64: 8,
  U64: 8,
} as const;

export type Dtype = keyof typeof elementSizes;

export interface TensorEntry {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Bytes in the file, `[start, end)`, counted from its beginning. */
  readonly start: number;
  readonly end: number;
}

export interface Header {
  /** In the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** The reference implementation's limit: real headers have a few hundred kilobytes at most. */
const maxHeaderBytes = 100_000_000;

export function badFile(path: string, expected: string, received: string, cause?: unknown): CheckpointError {
  return new CheckpointError({
    code: 'safetensors_invalid',
    expected: `${expected} in ${path}`,
    received,
    fix: 'fetch or write the file again: it is truncated, damaged or no safetensors file',
    cause,
  });
}

/** The header's length from the first eight bytes. */
export function headerLength(path: string, prefix: Uint8Array, fileSize: number): number {
  if (fileSize < 8 || prefix.length < 8) throw badFile(path, 'at least 8 bytes', `${fileSize} bytes`);
  const length = new DataView(prefix.buffer, prefix.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes) || length > BigInt(fileSize - 8) || length < 2n) {
    throw badFile(path, `a header that fits into its ${fileSize} bytes`, `a header of ${length} bytes`);
  }
  return Number(length);
}

/** Parses and checks the JSON text. */
export function parseHeader(path: string, text: Uint8Array, fileSize: number): Header {
  const json = parseJson(path, text);
  const dataStart = 8 + text.length;
  const entries: TensorEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') metadata = stringRecord(path, value);
    else entries.push(parseEntry(path, name, value, dataStart, fileSize));
  }
  entries.sort((a, b) => a.start - b.start || a.end - b.end);
  let end = dataStart;
  for (const entry of entries) {
    if (entry.start !== end) {
      const what = entry.start < end ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw badFile(path, 'tensors side by side', `${entry.name}, which ${what}`);
    }
    end = entry.end;
  }
  if (end !== fileSize) throw badFile(path, `${end} bytes, as its header says,`, `${fileSize} bytes`);
  return { tensors: new Map(entries.map((entry) => [entry.name, entry])), metadata };
}

function parseJson(path: string, text: Uint8Array): Record<string, unknown> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (cause) {
    throw badFile(path, 'a JSON header', 'text that does not parse', cause);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw badFile(path, 'a JSON object as header', JSON.stringify(json).slice(0, 80));
  }
  return json as Record<string, unknown>;
}

function stringRecord(path: string, value: unknown): Record<string, string> {
  const valid =
    typeof value === 'object' && value !== null && Object.values(value).every((v) => typeof v === 'string');
  if (!valid) throw badFile(path, 'strings under __metadata__', JSON.stringify(value)?.slice(0, 80));
  return value as Record<string, string>;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseEntry(
  path: string,
  name: string,
  value: unknown,
  dataStart: number,
  fileSize: number,
): TensorEntry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !Object.hasOwn(elementSizes, dtype)) {
    throw badFile(path, `a type of ${Object.keys(elementSizes).join(', ')} for ${name}`, String(dtype));
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    throw badFile(path, `a shape for ${name}`, JSON.stringify(shape) ?? 'none');
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    throw badFile(path, `two offsets for ${name}`, JSON.stringify(offsets) ?? 'none');
  }
  const [start, end] = offsets as [number, number];
  if (start > end || dataStart + end > fileSize) {
    throw badFile(
      path,
      `the bytes of ${name} inside of the file`,
      `${start} to ${end} of ${fileSize - dataStart}`,
    );
  }
  const bytes = (shape as number[]).reduce((product, size) => product * size, elementSizes[dtype as Dtype]);
  if (bytes !== end - start) {
    const said = `${end - start} bytes for ${dtype} [${shape.join(', ')}]`;
    throw badFile(path, `${bytes} bytes for ${name}`, said);
  }
  return {
    name,
    dtype: dtype as Dtype,
    shape: shape as number[],
    start: dataStart + start,
    end: dataStart + end,
  };
}
