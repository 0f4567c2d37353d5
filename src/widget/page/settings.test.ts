import { describe, expect, test } from 'vitest';
import { readSettings } from './settings.ts';

const read = (attributes: Readonly<Record<string, string>>) =>
  readSettings((name) => attributes[name] ?? null);

describe('readSettings', () => {
  test('defaults', () => {
    const { settings, problems } = read({ model: ' org/name ' });
    expect(problems).toEqual([]);
    expect(settings).toMatchObject({
      ...{ model: 'org/name', task: undefined, device: 'auto', dtype: 'fp32', maxBytes: 2e9, preload: false },
      ...{ threshold: undefined, topK: 5, labels: [] },
    });
    expect([...settings.sources]).toEqual(['file', 'drop', 'paste', 'url', 'webcam']);
  });

  test('values', () => {
    const { settings } = read({
      ...{ threshold: '0.25', 'top-k': '3', labels: 'cat, big dog ,', device: 'wasm', dtype: 'fp16' },
      ...{ 'max-megabytes': '1.5', preload: 'model', sources: 'webcam file' },
    });
    expect(settings).toMatchObject({
      ...{ threshold: 0.25, topK: 3, labels: ['cat', 'big dog'], device: 'wasm', dtype: 'fp16' },
      ...{ maxBytes: 1.5e6, preload: true },
    });
    expect([...settings.sources]).toEqual(['file', 'webcam']);
  });

  test.each([
    ['threshold', '2', /from 0 to 1/],
    ['threshold', 'half', /half/],
    ['top-k', '1.5', /whole number/],
    ['top-k', '0', /from 1/],
    ['device', 'gpu', /auto, webgpu, wasm/],
    ['sources', 'fax', /file, drop, paste/],
  ])('%s="%s" is said, and the default counts', (name, value, message) => {
    const { settings, problems } = read({ [name]: value });
    expect(problems.map((problem) => problem.message).join()).toMatch(message);
    expect(settings).toEqual(read({}).settings);
  });
});
