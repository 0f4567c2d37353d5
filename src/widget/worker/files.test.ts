/** The server is a function that answers as HTTP servers do; Cache Storage does not exist in Node and is done without. */
import { describe, expect, test } from 'vitest';
import { readWeights, WidgetFiles } from './files.ts';
import { onnxFiles } from './open-model.ts';

type Answer = {
  readonly body: string | Uint8Array;
  readonly status?: number;
  readonly headers?: HeadersInit;
};

const url = 'https://models.example/shapes/';

function filesOf(answers: Readonly<Record<string, Answer>>, maxBytes = 1000): WidgetFiles {
  const fetcher = (async (input: RequestInfo | URL) => {
    const answer = answers[String(input).slice(url.length)];
    if (!answer) return new Response('not here', { status: 404 });
    return new Response(answer.body as BodyInit, {
      status: answer.status ?? 200,
      headers: answer.headers ?? {},
    });
  }) as typeof fetch;
  return new WidgetFiles({ kind: 'url', url }, { maxBytes, onProgress: () => {}, fetcher });
}

describe('JSON', () => {
  test('is read', async () => {
    expect(await filesOf({ 'config.json': { body: '{"model_type":"vit"}' } }).json('config.json')).toEqual({
      model_type: 'vit',
    });
  });

  test.each<[string, Answer | undefined, RegExp]>([
    ['missing', undefined, /Expected config.json in https:\/\/models.example\/shapes\/.*no such file/],
    ['an HTML page', { body: '<!DOCTYPE html><p>hello' }, /an HTML page.*answers with a page/],
    ['cut off', { body: '{"a":' }, /text that does not parse/],
    ['a list', { body: '[1]' }, /another JSON value/],
    ['forbidden', { body: 'no', status: 403 }, /status 403.*private/],
    ['broken on the server', { body: 'no', status: 500 }, /status 500/],
  ])('that is %s is told', async (_, answer, message) => {
    const files = filesOf(answer ? { 'config.json': answer } : {});
    await expect(files.requiredJson('config.json')).rejects.toThrow(message);
  });
});

describe('weights', () => {
  test('are the first file that is there; a start page is no file', async () => {
    const files = filesOf({
      'onnx/model.onnx': { body: ' <!doctype html><title>shop' },
      'model.onnx': { body: new Uint8Array([8, 8]) },
    });
    expect([...(await files.weights(['onnx/model.onnx', 'model.onnx']))]).toEqual([8, 8]);
  });

  test('above the limit are refused by their header', async () => {
    const files = filesOf({ 'm.onnx': { body: 'x', headers: { 'Content-Length': '4000000' } } });
    await expect(files.weights(['m.onnx'])).rejects.toThrow(/at most 0.0 MB.*4.0 MB or more/);
  });

  test('above the limit are refused by what came, whatever the header said', async () => {
    const files = filesOf({ 'm.onnx': { body: new Uint8Array(2000), headers: { 'Content-Length': '10' } } });
    await expect(files.weights(['m.onnx'])).rejects.toMatchObject({ code: 'model_too_large' });
  });

  test.each(['900', '100'])('of another size than announced (%s) are refused', async (length) => {
    const files = filesOf({ 'm.onnx': { body: new Uint8Array(500), headers: { 'Content-Length': length } } });
    await expect(files.weights(['m.onnx'])).rejects.toThrow(
      `m.onnx of ${url}, ${length} bytes. Received: 500 bytes`,
    );
  });

  test('compressed on their way have another length, and are fine', async () => {
    const headers = { 'Content-Length': '100', 'Content-Encoding': 'gzip' };
    const files = filesOf({ 'm.onnx': { body: new Uint8Array(500), headers } });
    expect(await files.weights(['m.onnx'])).toHaveLength(500);
  });

  test('that are nowhere', async () => {
    await expect(filesOf({}).weights(['onnx/model.onnx', 'model.onnx'])).rejects.toMatchObject({
      code: 'model_file_missing',
      message: expect.stringContaining('onnx/model.onnx or model.onnx') as string,
    });
  });
});

test('a chosen folder', async () => {
  const files = { 'config.json': new Blob(['{"a":1}']), 'm.onnx': new Blob([new Uint8Array(2000)]) };
  const folder = new WidgetFiles(
    { kind: 'files', name: 'model', files },
    { maxBytes: 1000, onProgress: () => {} },
  );
  expect(await folder.json('config.json')).toEqual({ a: 1 });
  expect(await folder.json('other.json')).toBeUndefined();
  await expect(folder.weights(['m.onnx'])).rejects.toMatchObject({ code: 'model_too_large' });
});

describe('weights lie where exporters put them', () => {
  const text = async (files: WidgetFiles, dtype: 'fp32' | 'fp16'): Promise<string> =>
    new TextDecoder().decode(await files.weights(onnxFiles(dtype)));

  test('the precision that was asked for, else the other one, quantised files last', async () => {
    const whole = { 'onnx/model.onnx': { body: 'whole' }, 'onnx/model_quantized.onnx': { body: 'small' } };
    const files = filesOf({ ...whole, 'model_fp16.onnx': { body: 'half' } });
    expect(await text(files, 'fp32')).toBe('whole');
    expect(await text(files, 'fp16')).toBe('half');
    expect(await text(filesOf(whole), 'fp16')).toBe('whole');
    expect(await text(filesOf({ 'model_quantized.onnx': { body: 'small' } }), 'fp32')).toBe('small');
  });

  test('in onnx/, or beside config.json', async () => {
    const files = filesOf({ 'model.onnx': { body: 'beside' } });
    expect(new TextDecoder().decode(await readWeights(files, 'onnx/model.onnx'))).toBe('beside');
    expect(await readWeights(files, 'onnx/decoder.onnx')).toBeUndefined();
  });
});
