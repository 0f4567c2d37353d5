/** Which folder a user is asked for, by what a recipe of another machine names. */
import { expect, test } from 'vitest';
import { foldersToPick } from './data-places.ts';

const named = (key: string, path: string, isFile = false) => ({ key: `data.${key}`, path, isFile });

test('folders that lie side by side are asked for once, with the one around them', () => {
  const train = named('train_data_path', '/home/me/shapes/train');
  const val = named('val_data_path', '/home/me/shapes/val');
  expect(foldersToPick([train, val])).toEqual([
    { path: '/home/me/shapes', keys: [train.key, val.key], expected: ['train', 'val'] },
  ]);
});

test('COCO: pictures and annotations lie in one folder', () => {
  const missing = [
    named('train_data_path', '/d/coco/train2017'),
    named('val_data_path', '/d/coco/val2017'),
    named('train_annotation_file', '/d/coco/annotations/instances_train2017.json', true),
    named('val_annotation_file', '/d/coco/annotations/instances_val2017.json', true),
  ];
  expect(foldersToPick(missing)).toEqual([
    {
      path: '/d/coco',
      keys: missing.map(({ key }) => key),
      expected: [
        'train2017',
        'val2017',
        'annotations/instances_train2017.json',
        'annotations/instances_val2017.json',
      ],
    },
  ]);
});

test('what was picked in another browser is asked for one by one', () => {
  const missing = [named('train_data_path', '/picked/a'), named('val_data_path', '/picked/b/val')];
  expect(foldersToPick(missing).map(({ path, expected }) => [path, expected])).toEqual([
    ['/picked/a', []],
    ['/picked/b/val', []],
  ]);
});

test('nothing of this page is asked for: folders of the root stay their own', () => {
  const missing = [named('train_data_path', '/train'), named('val_data_path', '/val')];
  expect(foldersToPick(missing).map(({ path }) => path)).toEqual(['/train', '/val']);
});

test('one folder for both, and a folder in another', () => {
  const both = [named('train_data_path', '/d/set'), named('val_data_path', '/d/set')];
  expect(foldersToPick(both)).toMatchObject([{ path: '/d/set', expected: [] }]);
  const nested = [named('train_data_path', '/d/set'), named('val_data_path', '/d/set/val/own')];
  expect(foldersToPick(nested)).toMatchObject([{ path: '/d/set', expected: ['val/own'] }]);
});

test('nothing missing asks for nothing', () => {
  expect(foldersToPick([])).toEqual([]);
});
