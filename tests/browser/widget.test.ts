/**
 * The widget as pages use it: built, served by a static host, in Chromium. Its ways in (file, drop, paste, folder, hub,
 * webcam), its attributes, and what several elements share.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { OcelliPredict, PredictionDetail, ReadyDetail } from '../../src/widget/index.ts';
import { headlessFindings } from './support/widget-models.ts';
import { expectSame, found, script, stateOf, widgetPages } from './support/widget-page.ts';

const pages = widgetPages(['vit', 'yolos', 'resnet']);

describe('on a page', () => {
  test('nothing is loaded until there is a picture; the attribute src is one', async () => {
    const from = pages.site.requests.length;
    const { page, context } = await pages.open(
      `${script}<ocelli-predict model="/models/vit"></ocelli-predict>`,
    );
    // What would be loaded by itself would be asked for by now.
    await page.evaluate(
      () => new Promise<void>((done) => requestIdleCallback(() => requestAnimationFrame(() => done()))),
    );
    expect(pages.site.requests.slice(from).filter((path) => /worker|ort|models/.test(path))).toEqual([]);
    expect(page.workers()).toEqual([]);
    const ready = page.evaluate(async () => {
      const element = document.querySelector('ocelli-predict') as OcelliPredict;
      const told: string[] = [];
      for (const name of ['ready', 'prediction', 'progress'] as const) {
        document.addEventListener(name, ({ type }) => told.push(`document ${type}`));
        element.addEventListener(name, ({ type }) => told.push(type));
      }
      const detail = new Promise<ReadyDetail>((done) =>
        element.addEventListener('ready', (event) => done(event.detail)),
      );
      const shown = new Promise((done) => element.addEventListener('prediction', done));
      element.src = '/picture.png';
      const result = await detail;
      await shown;
      return { ...result, told: [...new Set(told)] };
    });
    expect(await ready).toMatchObject({
      ...{ model: '/models/vit', task: 'classification', classes: ['a', 'b', 'c', 'd'], path: 'ocelli' },
      ...{ device: 'wasm', runtime: 'onnxruntime on wasm' },
      told: ['progress', 'ready', 'document ready', 'prediction', 'document prediction'],
    });
    await context.close();
  });

  test('several elements share one worker and, where it is the same, one model', async () => {
    const tag = (id: string, model: string): string =>
      `<ocelli-predict id="${id}" model="/models/${model}" device="wasm"></ocelli-predict>`;
    const { page, context } = await pages.open(
      // The classic script is a second copy of the code; it uses what the module has defined.
      `${script}<script defer src="/widget/ocelli-widget.classic.js"></script>${tag('a', 'vit')}${tag('b', 'vit')}${tag('c', 'yolos')}`,
    );
    const [a, b, c] = await Promise.all(['#a', '#b', '#c'].map((id) => found(page, { selector: id })));
    expect(a!.findings).toEqual(b!.findings);
    expect(c!.task).toBe('detection');
    expect(page.workers()).toHaveLength(1);
    expect(await stateOf(page)).toMatchObject({ models: 2 });
    // What one of them gives back the other still has.
    await page.evaluate(() => document.querySelector('#a')!.remove());
    expect((await found(page, { selector: '#b' })).findings).toEqual(b!.findings);
    expect(await stateOf(page)).toMatchObject({ models: 2 });
    await page.evaluate(() => document.querySelector('#c')!.remove());
    await expect.poll(async () => (await stateOf(page))?.models).toBe(1);
    await context.close();
  });

  test('threshold, labels and top-k choose without another run', async () => {
    const { page, context } = await pages.open(
      `${script}<ocelli-predict model="/models/vit" device="wasm"></ocelli-predict>`,
    );
    const { findings } = await found(page);
    expect(findings).toHaveLength(4);
    const change = (name: string, value: string): Promise<string[]> =>
      page.evaluate(
        ([key, text]) =>
          new Promise((done) => {
            const element = document.querySelector('ocelli-predict') as OcelliPredict;
            element.addEventListener(
              'prediction',
              ({ detail }) => done(detail.findings.map(({ label }) => label)),
              {
                once: true,
              },
            );
            element.setAttribute(key!, text!);
          }),
        [name, value],
      );
    expect(await change('top-k', '2')).toEqual(findings.slice(0, 2).map(({ label }) => label));
    expect(await change('labels', `${findings[3]!.label.toUpperCase()}, nobody`)).toEqual([
      findings[3]!.label,
    ]);
    expect(await change('threshold', '0.99')).toEqual([]);
    const told = await page.evaluate(() => {
      const codes: string[] = [];
      const element = document.querySelector('ocelli-predict') as OcelliPredict;
      element.addEventListener('error', ({ detail }) => codes.push(detail.code));
      element.setAttribute('threshold', 'high');
      element.setAttribute('top-k', '3');
      element.setAttribute('labels', '');
      return codes;
    });
    expect(told).toEqual(['attribute_invalid']);
    await context.close();
  });

  test('a webcam, until it is stopped', async () => {
    const { page, context } = await pages.open(
      `${script}<ocelli-predict model="/models/yolos" device="wasm" threshold="0"></ocelli-predict>`,
    );
    await context.grantPermissions(['camera']);
    const seen = page.evaluate(
      () =>
        new Promise<number>((done) => {
          let count = 0;
          document.addEventListener('prediction', () => ++count === 3 && done(count));
        }),
    );
    await page.getByRole('button', { name: 'Webcam' }).click();
    expect(await seen).toBe(3);
    await page.getByRole('button', { name: 'Stop webcam' }).click();
    expect(await page.getByRole('button', { name: 'Webcam', exact: true }).count()).toBe(1);
    const size = await page.locator('canvas').evaluate((canvas: HTMLCanvasElement) => canvas.width);
    expect(size).toBeGreaterThan(300);
    await context.close();
  });

  test('a chosen folder, a dropped picture, a pasted one', async () => {
    const { page, context } = await pages.open(`${script}<ocelli-predict device="wasm"></ocelli-predict>`);
    await page.locator('input[webkitdirectory]').setInputFiles(join(pages.root, 'vit'));
    await page.getByRole('status').filter({ hasText: 'ready' }).waitFor();
    const expected = await headlessFindings(join(pages.root, 'vit'), pages.picture);
    const give = (kind: 'drop' | 'paste'): Promise<PredictionDetail> =>
      page.evaluate(
        async ([name]) => {
          const element = document.querySelector('ocelli-predict')!;
          const blob = await (await fetch('/picture.png')).blob();
          const data = new DataTransfer();
          data.items.add(new File([blob], 'picture.png', { type: 'image/png' }));
          const answer = new Promise<PredictionDetail>((done) =>
            element.addEventListener('prediction', ({ detail }) => done(detail), { once: true }),
          );
          if (name === 'drop')
            element.dispatchEvent(
              new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }),
            );
          else document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
          return answer;
        },
        [kind],
      );
    expectSame(await give('drop'), expected, 1e-5);
    expectSame(await give('paste'), expected, 1e-5);
    await context.close();
  });

  test('a hub: resolved like the hub’s, kept, and fetched again when it has changed', async () => {
    const { page, context } = await pages.open(
      `${script}<ocelli-predict model="org/tiny@v1" hub="/hub" device="wasm"></ocelli-predict>`,
    );
    const files = (folder: string): void => {
      for (const path of ['config.json', 'preprocessor_config.json', 'onnx/model.onnx']) {
        pages.site.put(`/hub/org/tiny/resolve/v1/${path}`, {
          body: readFileSync(join(pages.root, folder, path)),
          headers: { ETag: `"${folder}-${path}"` },
        });
      }
    };
    const weights = '/hub/org/tiny/resolve/v1/onnx/model.onnx';
    const asked = (): string[] => pages.site.requests.filter((request) => request.endsWith(weights));
    files('vit');
    expectSame(await found(page), await headlessFindings(join(pages.root, 'vit'), pages.picture), 1e-5);
    expect(asked()).toEqual([`GET ${weights}`]);
    await page.reload();
    await found(page);
    expect(asked()).toEqual([`GET ${weights}`, `HEAD ${weights}`]);
    files('resnet');
    await page.reload();
    expectSame(await found(page), await headlessFindings(join(pages.root, 'resnet'), pages.picture), 1e-5);
    expect(asked().slice(2)).toEqual([`HEAD ${weights}`, `GET ${weights}`]);
    await context.close();
  });
});
