/**
 * Tasks that our own path does not know go through the pipelines of transformers.js, which is loaded only then, and
 * nothing but the page's own host is asked for anything. The models are such that their answers are known.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { encodeImage } from '#platform';
import type { OcelliPredict, ReadyDetail } from '../../src/widget/index.ts';
import { writePipelineModels } from './support/pipeline-models.ts';
import { found, type Opened, predict, script, widgetPages } from './support/widget-page.ts';

const width = 96;
const height = 64;
const shots = '.cache/screenshots';

const pages = widgetPages(['vit'], async ({ site, root }) => {
  writePipelineModels(root);
  mkdirSync(shots, { recursive: true });
  // Left half red, right half darker blue.
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const isLeft = Math.floor(i / 3) % width < width / 2;
    return (isLeft ? [240, 20, 20] : [10, 10, 120])[i % 3]!;
  });
  site.put('/halves.png', { body: await encodeImage({ width, height, data }, 'png') });
  // The same files as a hub has them.
  for (const path of ['config.json', 'preprocessor_config.json', 'onnx/model.onnx']) {
    site.put(`/hub/org/segments/resolve/main/${path}`, { body: readFileSync(join(root, 'segments', path)) });
  }
});

const open = (attributes: string): Promise<Opened> =>
  pages.open(`${script}<ocelli-predict ${attributes} device="wasm"></ocelli-predict>`);

/** The colour of the drawn picture at a place, 0 … 1 across and down. */
async function drawn(page: Page, across: number, down: number): Promise<readonly number[]> {
  await page.getByRole('img').waitFor();
  return page.getByRole('img').evaluate(
    (canvas: HTMLCanvasElement, [x, y]) =>
      new Promise<number[]>((done) =>
        requestAnimationFrame(() => {
          const place = [Math.floor(x! * canvas.width), Math.floor(y! * canvas.height)] as const;
          done([...canvas.getContext('2d')!.getImageData(...place, 1, 1).data]);
        }),
      ),
    [across, down],
  );
}

/** A mask as an event carries it, at places of the picture. */
const masks = (page: Page): Promise<{ label: string; left: number; right: number; size: number[] }[]> =>
  page.evaluate(async () => {
    const element = document.querySelector('ocelli-predict') as OcelliPredict;
    const { findings } = await element.predict('/halves.png');
    return findings.map(({ label, mask }) => {
      const { width: columns, height: rows, data } = mask!;
      const at = (x: number): number => data[Math.floor(rows / 2) * columns + x]!;
      return { label, left: at(10), right: at(columns - 10), size: [columns, rows, data.length] };
    });
  });

test('image segmentation, from a hub: masks of the picture’s size, drawn as a veil, chosen by labels', async () => {
  const { page, context, complaints } = await open('model="org/segments" hub="/hub"');
  expect(await masks(page)).toEqual([
    { label: 'red', left: 255, right: 0, size: [width, height, width * height] },
    { label: 'blue', left: 0, right: 255, size: [width, height, width * height] },
  ]);
  expect(await page.getByRole('listitem').allTextContents()).toEqual(['red', 'blue']);
  const veiled = await drawn(page, 0.2, 0.8);
  expect(veiled.slice(0, 3)).not.toEqual([240, 20, 20]);
  await page.screenshot({ path: `${shots}/widget-segmentation.png` });
  await page.evaluate(() => document.querySelector('ocelli-predict')!.setAttribute('labels', 'blue'));
  await page.getByRole('listitem').filter({ hasText: 'red' }).waitFor({ state: 'detached' });
  expect((await drawn(page, 0.2, 0.8)).slice(0, 3)).toEqual([240, 20, 20]);
  expect(complaints).toEqual([]);
  await context.close();
});

test('depth estimation: the picture of depth is drawn and told', async () => {
  const { page, context, complaints } = await open('model="/models/depth"');
  const told = await page.evaluate(async () => {
    const element = document.querySelector('ocelli-predict') as OcelliPredict;
    const { task, picture, findings } = await element.predict('/halves.png');
    const { width: columns, height: rows, rgba } = picture!;
    const at = (x: number): number[] => [...rgba.slice((30 * columns + x) * 4, (30 * columns + x) * 4 + 4)];
    return { task, findings, size: [columns, rows], left: at(5), right: at(columns - 5) };
  });
  // Red is brighter than that blue; depth is stretched over all greys.
  expect(told).toMatchObject({ task: 'depth-estimation', findings: [], size: [width, height] });
  expect(told.right).toEqual([0, 0, 0, 255]);
  // Rounded down from just below 255.
  for (const value of told.left) expect(value).toBeGreaterThanOrEqual(254);
  expect((await drawn(page, 0.1, 0.5))[0]).toBeGreaterThanOrEqual(254);
  expect((await drawn(page, 0.9, 0.5)).slice(0, 3)).toEqual([0, 0, 0]);
  await page.screenshot({ path: `${shots}/widget-depth.png` });
  expect(complaints).toEqual([]);
  await context.close();
});

test('zero-shot classification tells apart what `labels` names, and asks for it where it is missing', async () => {
  const { page, context } = await open('model="/models/zero-shot"');
  expect(await predict(page, '/halves.png')).toMatchObject({
    error: { code: 'labels_missing', fix: expect.stringContaining('attribute labels') as string },
  });
  await page.getByRole('alert').waitFor();
  await page.evaluate(() => document.querySelector('ocelli-predict')!.setAttribute('labels', 'green, red'));
  const { findings, task } = await found(page, { address: '/halves.png' });
  expect(task).toBe('zero-shot-image-classification');
  expect(findings.map(({ label }) => label)).toEqual(['red', 'green']);
  // Other classes are another question: the model is asked again by itself.
  const answer = page.evaluate(
    () =>
      new Promise<string[]>((done) =>
        (document.querySelector('ocelli-predict') as OcelliPredict).addEventListener(
          'prediction',
          ({ detail }) => done(detail.findings.map(({ label }) => label)),
          { once: true },
        ),
      ),
  );
  await page.evaluate(() => document.querySelector('ocelli-predict')!.setAttribute('labels', 'blue, green'));
  expect(await answer).toEqual(['blue', 'green']);
  await context.close();
});

test('the library is loaded only then, from the page’s own host', async () => {
  const { site, root } = pages;
  const json = JSON.parse(readFileSync(join(root, 'vit/preprocessor_config.json'), 'utf8')) as object;
  const other = { ...json, image_processor_type: 'CLIPImageProcessor', do_center_crop: false };
  site.put('/other/preprocessor_config.json', { body: JSON.stringify(other) });
  for (const path of ['config.json', 'onnx/model.onnx']) {
    site.put(`/other/${path}`, { body: readFileSync(join(root, 'vit', path)) });
  }
  const { page, context } = await open('model="/models/vit"');
  const outside: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(site.url) && !request.url().startsWith('blob:'))
      outside.push(request.url());
  });
  const from = site.requests.length;
  const own = await found(page);
  const isPipeline = (path: string): boolean => path.includes('pipeline-model');
  expect(site.requests.slice(from).filter(isPipeline)).toEqual([]);
  const path = page.evaluate(
    () =>
      new Promise<string>((done) =>
        document
          .querySelector('ocelli-predict')!
          .addEventListener('ready', (event) => done((event as CustomEvent<ReadyDetail>).detail.path)),
      ),
  );
  await page.evaluate(() => document.querySelector('ocelli-predict')!.setAttribute('model', '/other/'));
  const theirs = await found(page);
  expect(await path).toBe('transformers.js');
  expect(site.requests.slice(from).filter(isPipeline)).toHaveLength(1);
  expect(outside).toEqual([]);
  // Its resize is another; so are the scores, a little.
  expect(theirs.findings.map(({ label }) => label).sort()).toEqual(
    own.findings.map(({ label }) => label).sort(),
  );
  for (const { label, score } of theirs.findings) {
    const same = own.findings.find((finding) => finding.label === label)!;
    expect(Math.abs(same.score! - score!)).toBeLessThan(0.02);
  }
  await context.close();
});
