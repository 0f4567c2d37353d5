/** What the widget says about a picture are the numbers of the headless predictor, on WebAssembly and on WebGPU. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { headlessFindings } from './support/widget-models.ts';
import { expectSame, found, script, stateOf, widgetPages } from './support/widget-page.ts';

const pages = widgetPages(['vit', 'labels', 'resnet', 'yolos', 'detr', 'hubDetr', 'half']);

describe('the numbers of headless predictions', () => {
  test.each([
    ['vit', 'wasm', 1e-5],
    ['vit', 'webgpu', 1e-4],
    ['labels', 'wasm', 1e-5],
    ['resnet', 'webgpu', 1e-4],
    ['yolos', 'webgpu', 1e-4],
    ['detr', 'wasm', 1e-5],
    ['detr', 'webgpu', 1e-4],
    ['hubDetr', 'wasm', 1e-5],
    ['hubDetr', 'webgpu', 1e-4],
    ['half', 'wasm', 2e-3],
  ])('%s on %s', async (name, device, tolerance) => {
    const { page, context, complaints } = await pages.open(
      `${script}<ocelli-predict model="/models/${name}" device="${device}" threshold="0" top-k="100" ${name === 'vit' ? 'record' : ''}></ocelli-predict>`,
    );
    // Nothing is padded here, so the size of the mask makes no difference.
    const reference = name === 'hubDetr' ? 'detr' : name;
    const expected = await headlessFindings(join(pages.root, reference), pages.picture);
    expectSame(await found(page), expected, tolerance);
    const [session] = (await stateOf(page))!.sessions;
    expect(session).toMatchObject({ device });
    // A recording that gives other numbers is not used; the reason is said.
    if (device === 'webgpu') expect(session!.capture).not.toBe('not tried');
    expectSame(await found(page), expected, tolerance);
    expect(complaints).toEqual([]);
    await context.close();
  });
});
