import { describe, expect, test } from 'vitest';
import { fileAddress, modelPlace, placeName, placeOfFiles } from './model-place.ts';

const page = 'https://shop.example/app/index.html';
const addressOf = (text: string, path: string, hub?: string): string => {
  const place = modelPlace(text, page, hub);
  if (place.kind === 'files') throw new Error('an address was expected');
  return fileAddress(place, path);
};

describe('modelPlace', () => {
  test.each([
    ['./models/shapes', 'config.json', 'https://shop.example/app/models/shapes/config.json'],
    ['/models/shapes/', 'onnx/model.onnx', 'https://shop.example/models/shapes/onnx/model.onnx'],
    ['../m', 'config.json', 'https://shop.example/m/config.json'],
    ['https://cdn.example/m/config.json', 'config.json', 'https://cdn.example/m/config.json'],
    ['https://cdn.example/m/onnx/model_fp16.onnx', 'config.json', 'https://cdn.example/m/config.json'],
    ['https://cdn.example/m?sig=a%2Fb', 'config.json', 'https://cdn.example/m/config.json?sig=a%2Fb'],
    ['hustvl/yolos-tiny', 'config.json', 'https://huggingface.co/hustvl/yolos-tiny/resolve/main/config.json'],
    [
      'org/name@refs/pr/3',
      'onnx/model.onnx',
      'https://huggingface.co/org/name/resolve/refs%2Fpr%2F3/onnx/model.onnx',
    ],
  ])('%s: %s is at %s', (text, path, expected) => {
    expect(addressOf(text, path)).toBe(expected);
  });

  test('another hub, also below a path of the page', () => {
    expect(addressOf('org/name', 'config.json', '/hub/')).toBe(
      'https://shop.example/hub/org/name/resolve/main/config.json',
    );
  });

  test.each(['', 'org/name/more', 'a b', '..', 'org/..', 'org/name@', 'org/name@a@b', 'org/name@../x'])(
    'refuses %j',
    (text) => expect(() => modelPlace(text, page)).toThrow(/Expected the address/),
  );

  test.each(['ftp://x/y', 'javascript:alert(1)', 'file:///etc/', 'https://'])('refuses %j', (text) =>
    expect(() => modelPlace(text, page)).toThrow(/http:\/\/ or https:\/\//),
  );
});

test('names hide what may be signed', () => {
  expect(placeName(modelPlace('https://cdn.example/m?sig=secret', page))).toBe('https://cdn.example/m/');
  expect(placeName(modelPlace('org/name@v1', page))).toBe('org/name@v1 on huggingface.co');
});

describe('placeOfFiles', () => {
  const file = (path: string) => ({ path, file: new File(['x'], path.split('/').at(-1)!) });

  test('takes the folder of the topmost config.json as root', () => {
    const place = placeOfFiles(
      ['run/checkpoints/last/config.json', 'run/model/config.json', 'run/model/onnx/model.onnx'].map(file),
    );
    expect(place).toMatchObject({ kind: 'files', name: 'model' });
    expect(Object.keys((place as { files: object }).files)).toEqual(['config.json', 'onnx/model.onnx']);
  });

  test('says what is missing', () => {
    expect(() => placeOfFiles([file('a/photo.jpg')])).toThrow(/1 files, none of them config.json/);
  });
});
