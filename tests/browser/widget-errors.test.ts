/** What goes wrong is told: by an event with its cause and what to do, and to people in the element. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ErrorDetail } from '../../src/widget/index.ts';
import { openChromium } from './support/chromium.ts';
import { writePipelineModels } from './support/pipeline-models.ts';
import { headlessFindings } from './support/widget-models.ts';
import { expectSame, found, type Opened, predict, script, widgetPages } from './support/widget-page.ts';

const pages = widgetPages(['vit'], ({ root }) => writePipelineModels(root));

describe('what goes wrong is told', () => {
  const config = (): string => readFileSync(join(pages.root, 'vit/config.json'), 'utf8');

  beforeAll(() => {
    const files = {
      'config.json': config(),
      'preprocessor_config.json': readFileSync(join(pages.root, 'vit/preprocessor_config.json'), 'utf8'),
    };
    for (const folder of ['start-page', 'no-onnx', 'broken-onnx', 'other-onnx']) {
      for (const [path, body] of Object.entries(files)) pages.site.put(`/bad/${folder}/${path}`, { body });
    }
    pages.site.put('/bad/html/config.json', {
      body: '<!doctype html><title>Shop</title>',
      headers: { 'Content-Type': 'text/html' },
    });
    pages.site.put('/bad/start-page/onnx/model.onnx', { body: '<!doctype html><title>Shop</title>' });
    pages.site.put('/bad/start-page/model.onnx', { body: '<!doctype html><title>Shop</title>' });
    pages.site.put('/bad/broken-onnx/onnx/model.onnx', {
      body: readFileSync(join(pages.root, 'vit/onnx/model.onnx')).subarray(0, 5000),
    });
    // A graph that gives depth where classes are expected.
    pages.site.put('/bad/other-onnx/onnx/model.onnx', {
      body: readFileSync(join(pages.root, 'depth/onnx/model.onnx')),
    });
    pages.site.put('/bad/text/config.json', {
      body: JSON.stringify({ model_type: 'bert', architectures: ['BertForMaskedLM'] }),
    });
    pages.site.put('/bad/unknown/config.json', {
      body: JSON.stringify({ model_type: 'unheard', architectures: ['UnheardForDepthEstimation'] }),
    });
    pages.site.put('/bad/unknown/preprocessor_config.json', { body: '{}' });
    pages.site.put('/bad/broken.png', { body: pages.picture.subarray(0, 40) });
    // Black, so that its file is small; a file may be larger than its picture.
    const huge = greyPng(12_000, 9_000);
    pages.site.put('/bad/huge.png', { body: huge });
    pages.site.put('/bad/huge-and-heavy.png', { body: Buffer.concat([huge, Buffer.alloc(2e6)]) });
    pages.site.put('/bad/page.png', { body: '<!doctype html>', headers: { 'Content-Type': 'text/html' } });
  });

  test.each([
    [
      'model="/bad/missing"',
      '/picture.png',
      'model_file_missing',
      /config.json in http.*\/bad\/missing\/.*no such file/,
    ],
    ['model="/bad/html"', '/picture.png', 'model_file_invalid', /an HTML page.*answers with a page/],
    ['model="/bad/start-page"', '/picture.png', 'model_file_missing', /onnx\/model.onnx/],
    ['model="/bad/no-onnx"', '/picture.png', 'model_file_missing', /ocelli export --format onnx/],
    ['model="/bad/broken-onnx"', '/picture.png', 'onnx_unreadable', /an ONNX model that onnxruntime can run/],
    ['model="/bad/other-onnx"', '/picture.png', 'onnx_outputs_unknown', /logits.*predicted_depth/],
    ['model="/bad/text"', '/picture.png', 'task_not_found', /BertForMaskedLM/],
    ['model="/bad/unknown"', '/picture.png', 'pipeline_failed', /depth-estimation/],
    ['model="/models/vit" max-megabytes="0.01"', '/picture.png', 'model_too_large', /at most 0.0 MB/],
    [
      'model="/models/vit" task="detection"',
      '/picture.png',
      'task_not_supported',
      /a model for classification/,
    ],
    ['model="not a name"', '/picture.png', 'model_name_invalid', /hub id/],
    ['', '/picture.png', 'model_missing', /the attribute model/],
    ['model="/models/vit"', '/bad/broken.png', 'image_unreadable', /JPEG, PNG, WebP/],
    ['model="/models/vit"', '/bad/page.png', 'image_unreadable', /a page where the picture should be/],
    ['model="/models/vit"', '/nowhere.png', 'picture_missing', /status 404/],
    ['model="/models/vit"', 'http://127.0.0.1:9/x.png', 'picture_unreachable', /CORS/],
    ['model="/models/vit"', '/bad/huge.png', 'image_too_large', /12000 × 9000/],
    ['model="/models/vit"', '/bad/huge-and-heavy.png', 'image_too_large', /12000 × 9000/],
  ])('%s looking at %s', async (attributes, address, code, message) => {
    const { page, context } = await pages.open(
      `${script}<ocelli-predict ${attributes} device="wasm"></ocelli-predict>`,
    );
    const outcome = await predict(page, address);
    expect(outcome).toMatchObject({ error: { code } });
    expect((outcome as { error: ErrorDetail }).error.message).toMatch(message);
    // People read it as well.
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(/Expected .*Received: /s);
    await context.close();
  });

  test('several wrong values are told all at once, to people as well', async () => {
    const processor = { image_processor_type: 'ViTImageProcessor', size: 'big', image_mean: [1] };
    pages.site.put('/bad/values/config.json', { body: config() });
    pages.site.put('/bad/values/preprocessor_config.json', { body: JSON.stringify(processor) });
    const { page, context } = await pages.open(
      `${script}<ocelli-predict model="/bad/values" device="wasm"></ocelli-predict>`,
    );
    expect(await predict(page)).toMatchObject({ error: { code: 'processor_config' } });
    const items = page.getByRole('alert').getByRole('listitem');
    expect(await items.allTextContents()).toEqual([
      expect.stringContaining('size') as string,
      expect.stringContaining('image_mean') as string,
    ]);
    await context.close();
  });

  test('a browser without WebGPU: `auto` takes WebAssembly, `webgpu` says so', async () => {
    const without = await openChromium({ webgpu: false });
    try {
      const open = (device: string): Promise<Opened> =>
        pages.open(`${script}<ocelli-predict model="/models/vit" device="${device}"></ocelli-predict>`, {
          from: without,
        });
      expectSame(
        await found((await open('auto')).page),
        await headlessFindings(join(pages.root, 'vit'), pages.picture),
        1e-5,
      );
      expect(await predict((await open('webgpu')).page)).toMatchObject({ error: { code: 'no_adapter' } });
    } finally {
      await without.close();
    }
  });
});

function greyPng(width: number, height: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
    const named = Buffer.concat([Buffer.from(type), data]);
    length.writeUInt32BE(data.length);
    check.writeUInt32BE(crc32(named));
    return Buffer.concat([length, named, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width);
  header.writeUInt32BE(height, 4);
  header[8] = 8;
  // A row begins with its filter.
  const rows = deflateSync(Buffer.alloc((width + 1) * height));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
