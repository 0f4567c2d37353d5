/** Folders and archives as people bring them. */
import { expect, test } from 'vitest';
import { modelFolder } from './model-folder.ts';

test('of the archive of a run it is the model of the run, not a checkpoint', () => {
  const files = [
    '/picked/run/shapes-1/checkpoints/best/config.json',
    '/picked/run/shapes-1/checkpoints/best/model.safetensors',
    '/picked/run/shapes-1/model/config.json',
    '/picked/run/shapes-1/model/model.safetensors',
  ];
  expect(modelFolder(files)).toEqual({ folder: '/picked/run/shapes-1/model' });
});

test('a configuration without weights beside it is no model', () => {
  const nested = [
    '/picked/a/config.json',
    '/picked/a/deep/config.json',
    '/picked/a/deep/x-00001.safetensors',
  ];
  expect(modelFolder(nested)).toEqual({ folder: '/picked/a/deep' });
  expect(modelFolder(['/picked/a/config.json', '/picked/a/onnx/model.onnx'])).toEqual({
    missing: 'no file that ends with .safetensors beside it',
  });
  expect(modelFolder(['/picked/a/model.safetensors'])).toEqual({ missing: 'no config.json' });
});
