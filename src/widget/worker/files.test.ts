/** The server is a function that answers as HTTP servers do; Cache Storage does not exist in Node and is done without. */
import { describe, expect, test } from 'vitest';
import { WidgetFiles } from './files.ts';

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
  test('a start page is no file', async () => {
    const files = filesOf({ 'm.onnx': { body: ' <!doctype html><title>shop' } });
    expect(await files.read('m.onnx', { orHtml: false })).toBeUndefined();
  });

  test('above the limit are refused by their header', async () => {
    const files = filesOf({ 'm.onnx': { body: 'x', headers: { 'Content-Length': '4000000' } } });
    await expect(files.read('m.onnx')).rejects.toThrow(/at most 0.0 MB.*4.0 MB or more/);
  });

  test('above the limit are refused by what came, whatever the header said', async () => {
    const files = filesOf({ 'm.onnx': { body: new Uint8Array(2000), headers: { 'Content-Length': '10' } } });
    await expect(files.read('m.onnx')).rejects.toMatchObject({ code: 'model_too_large' });
  });

  test.each(['900', '100'])('of another size than announced (%s) are refused', async (length) => {
    const files = filesOf({ 'm.onnx': { body: new Uint8Array(500), headers: { 'Content-Length': length } } });
    await expect(files.read('m.onnx')).rejects.toThrow(
      `m.onnx of ${url}, ${length} bytes. Received: 500 bytes`,
    );
  });

  test('compressed on their way have another length, and are fine', async () => {
    const headers = { 'Content-Length': '100', 'Content-Encoding': 'gzip' };
    const files = filesOf({ 'm.onnx': { body: new Uint8Array(500), headers } });
    expect(await files.read('m.onnx')).toHaveLength(500);
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
  await expect(folder.read('m.onnx')).rejects.toMatchObject({ code: 'model_too_large' });
});
