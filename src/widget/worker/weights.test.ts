/** Folders of this machine, as people choose them; over HTTP the same files are read the same way (files.test.ts). */
import { describe, expect, test } from 'vitest';
import { DataType, encodeOnnx, type OnnxTensor } from '../../formats/onnx/index.ts';
import { WidgetFiles } from './files.ts';
import { findWeights, readWeights, requireWeights } from './weights.ts';

function folderOf(contents: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>): WidgetFiles {
  const files = Object.fromEntries(
    Object.entries(contents).map(([path, content]) => [path, new Blob([content])] as const),
  );
  return new WidgetFiles({ kind: 'files', name: 'model', files }, { maxBytes: 1000, onProgress: () => {} });
}

const text = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/** A model that keeps its weights in these files. */
function parted(...locations: string[]): Uint8Array<ArrayBuffer> {
  const initializer = locations.map(
    (value, i): OnnxTensor => ({
      ...{ name: `w${i}`, dims: [1], dataType: DataType.float, rawData: new Uint8Array() },
      ...{ dataLocation: 1, externalData: [{ key: 'location', value }] },
    }),
  );
  return Uint8Array.from(
    encodeOnnx({
      ...{ irVersion: 8, opsetImport: [{ domain: '', version: 17 }] },
      ...{ producerName: 'test', producerVersion: '1', metadataProps: [] },
      graph: { name: 'g', node: [], initializer, input: [], output: [] },
    }),
  );
}

describe('weights lie where exporters put them', () => {
  test('the precision that was asked for, else the other one, quantised files last', async () => {
    const whole = { 'onnx/model.onnx': 'whole', 'onnx/model_quantized.onnx': 'small' };
    const all = folderOf({ ...whole, 'model_fp16.onnx': 'half' });
    const found = async (files: WidgetFiles, dtype: 'fp32' | 'fp16') => {
      const weights = await requireWeights(files, dtype);
      return [text(weights.bytes), weights.dtype];
    };
    expect(await found(all, 'fp32')).toEqual(['whole', 'fp32']);
    expect(await found(all, 'fp16')).toEqual(['half', 'fp16']);
    expect(await found(folderOf(whole), 'fp16')).toEqual(['whole', 'fp32']);
    expect(await found(folderOf({ 'model_quantized.onnx': 'small' }), 'fp32')).toEqual(['small', 'q8']);
  });

  test('in onnx/, or beside config.json', async () => {
    const files = folderOf({ 'model.onnx': 'beside' });
    expect(text((await readWeights(files, 'onnx/model.onnx'))?.bytes)).toBe('beside');
    expect(await readWeights(files, 'onnx/decoder.onnx')).toBeUndefined();
  });

  test('in another place, of which git-lfs has left a note', async () => {
    const note = 'version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n';
    await expect(requireWeights(folderOf({ 'onnx/model.onnx': note }), 'fp32')).rejects.toMatchObject({
      code: 'model_file_invalid',
      hint: expect.stringContaining('git lfs pull') as string,
    });
    const parts = { 'model.onnx': parted('model.onnx_data'), 'model.onnx_data': note };
    await expect(requireWeights(folderOf(parts), 'fp32')).rejects.toThrow(/git-lfs/);
  });

  test('nowhere', async () => {
    expect(await findWeights(folderOf({}), 'fp32')).toBeUndefined();
    await expect(requireWeights(folderOf({}), 'fp32')).rejects.toMatchObject({
      code: 'model_file_missing',
      message: expect.stringContaining('onnx/model.onnx or model.onnx or onnx/model_fp16.onnx') as string,
    });
  });
});

describe('weights in files beside the ONNX file', () => {
  test('come with it, from its own folder, under the names that it writes', async () => {
    const onnx = parted('model.onnx_data', './more/rest.bin');
    const files = folderOf({
      'onnx/model.onnx': onnx,
      'onnx/model.onnx_data': 'a',
      'onnx/more/rest.bin': 'b',
    });
    const { external } = await requireWeights(files, 'fp32');
    expect(external.map(({ path, data }) => [path, text(data)])).toEqual([
      ['model.onnx_data', 'a'],
      ['./more/rest.bin', 'b'],
    ]);
    const beside = folderOf({ 'model.onnx': parted('model.onnx.data'), 'model.onnx.data': 'c' });
    expect(text((await requireWeights(beside, 'fp32')).external[0]!.data)).toBe('c');
  });

  test('one that is missing is named', async () => {
    await expect(
      requireWeights(folderOf({ 'onnx/model.onnx': parted('model.onnx_data') }), 'fp32'),
    ).rejects.toThrow(/Expected onnx\/model\.onnx_data in model.*copy that file/);
  });

  test.each(['/etc/passwd', '../config.json', 'a/../../b', 'https://else.example/w', 'c:\\weights', '.'])(
    '%s is no such place',
    async (location) => {
      const files = folderOf({ 'onnx/model.onnx': parted(location), 'config.json': '{}' });
      await expect(requireWeights(files, 'fp32')).rejects.toMatchObject({ code: 'onnx_unreadable' });
    },
  );
});
