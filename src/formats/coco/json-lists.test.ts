/** Lists of large JSON files: the same values as JSON.parse, wherever the pieces are cut, and columns of objects. */
import { expect, test } from 'vitest';
import { CocoColumns } from './columns.ts';
import { JsonLists } from './json-lists.ts';
import { CocoPieces, parseCoco, readCoco } from './parse.ts';

/** What JSON.parse would give, from pieces of `length` bytes. */
function parsed(text: string, length: number): unknown {
  const found: Record<string, unknown> = {};
  let list: unknown[] = [];
  let other: { value: unknown } | undefined;
  const lists = new JsonLists({
    onList: (key) => {
      list = [];
      found[key] = list;
    },
    onItems: (items) => list.push(...items),
    onValue: (key, value) => {
      found[key] = value;
    },
    onOther: (value) => {
      other = { value };
    },
  });
  const bytes = new TextEncoder().encode(text);
  for (let start = 0; start < bytes.length; start += length) lists.feed(bytes.slice(start, start + length));
  lists.finish();
  return other ? other.value : found;
}

const texts = [
  '{}',
  ' { } ',
  '{"a":[]}',
  '{"a": [ ] , "b":[1]}',
  '{"info":{"x":[1,{"y":"]}"}]},"images":[{"a":"b,]}\\"{["},{"a":[1,2,[3]]}],"n":null,"t":true,"s":"x\\\\"}',
  '{"ä\\"":["ü","\\u00e9","\\\\","€😀"],"z":-1.5e3}',
  '{"a":[[],[[]],{"b":{}}],"c":{"d":[1,2]}}',
  '{"a":[1],"a":[2,3],"b":1,"b":[4]}',
  '{"a":[1,2,3],\n\t"":0}',
  '\ufeff{"a":[1]}',
  '[1,2]',
  '"text"',
  'null',
];

test.each(texts)('%s', (text) => {
  const expected = JSON.parse(text.replace(/^\ufeff/, ''));
  for (const length of [1, 2, 3, 7, 1000]) expect(parsed(text, length)).toEqual(expected);
});

test.each([
  '',
  ' ',
  '{',
  '{"a"',
  '{"a":',
  '{"a":[',
  '{"a":[1',
  '{"a":[1,',
  '{"a":[1,]}',
  '{"a":[,1]}',
  '{"a":[1,,2]}',
  '{"a":[1}',
  '{"a":{]}',
  '{"a":[1]]}',
  '{"a":1,}',
  '{,"a":1}',
  '{"a" 1}',
  '{"a":}',
  '{"a":[1] "b":2}',
  '{"a":[1]}x',
  '{a:1}',
  '{"a":["\\x"]}',
  '{"a":[01]}',
  '[1,2',
  'x',
  '{"a":"b',
  '{"a":[{"b":1]}',
])('refuses %j wherever it is cut', (text) => {
  expect(() => JSON.parse(text)).toThrow(SyntaxError);
  for (const length of [1, 2, 3, 1000]) expect(() => parsed(text, length)).toThrow(SyntaxError);
});

test('an annotation file in pieces reads as the whole, with the same complaints', () => {
  const file = {
    info: { description: 'a "file", with [brackets]' },
    images: Array.from({ length: 50 }, (_, id) => ({
      id,
      file_name: `bild-${id}-ü.jpg`,
      width: 20,
      height: 10,
    })),
    annotations: Array.from({ length: 300 }, (_, id) => ({
      id,
      image_id: id % 50,
      category_id: id === 17 ? 'x' : 3,
      bbox: id === 18 ? [1, 2] : [1, 2, 3, 4.25],
      segmentation: [[1, 2, 3, 4, 5.5, 6]],
    })),
    categories: [{ id: 3, name: 'Ärmel' }],
  };
  const bytes = new TextEncoder().encode(JSON.stringify(file));
  const whole = readCoco(bytes, 'x.json');
  expect(whole.complaints.map(({ path }) => path)).toEqual([
    'annotations[17].category_id',
    'annotations[18].bbox',
  ]);
  for (const length of [13, 1000, 1 << 20]) {
    const { file, ...rest } = inPieces(bytes, length);
    expect({ ...rest, file: { ...file, annotations: [...file.annotations] } }).toEqual(whole);
  }
  expect(() => inPieces(bytes.slice(0, -40), 1000)).toThrow(
    expect.objectContaining({ code: 'coco_not_json' }),
  );
});

function inPieces(bytes: Uint8Array, length: number): ReturnType<CocoPieces['finish']> {
  const reader = new CocoPieces('x.json');
  for (let start = 0; start < bytes.length; start += length) reader.feed(bytes.slice(start, start + length));
  return reader.finish();
}

test('columns give back every number as it was written', () => {
  const segmentation = [
    [1, 2.01, 239.97, 0.1 + 0.2, -0, 1e9, 12345678.91, 1e-7],
    [1, 2, 3, 4, 5, 6.5],
  ];
  const annotations = [
    {
      id: 900100581781,
      image_id: 'a',
      category_id: 3,
      bbox: [0.01, 473.07, 38.65, 28.67],
      area: 1.5,
      iscrowd: 1,
    },
    { image_id: 7, category_id: -1, segmentation, keypoints: [1.5, 2, 2] },
    { id: 4, image_id: 7, category_id: 3, segmentation: { size: [2, 2], counts: [0, 4] }, iscrowd: 0 },
    { image_id: 7, category_id: 3 },
    ...Array.from({ length: 40_000 }, (_, i) => ({
      id: i + 10,
      image_id: i,
      category_id: 1,
      bbox: [i / 3, i, i, i],
    })),
  ];
  const text = JSON.stringify({ images: [], annotations }).replace(
    '0.30000000000000004,0,',
    '0.30000000000000004,-0,',
  );
  const bytes = new TextEncoder().encode(text);
  const { file } = inPieces(bytes, 1 << 16);
  const expected = parseCoco(bytes, 'x').annotations;
  expect([...file.annotations]).toEqual(expected);
  expect(file.annotations.at(1).segmentation).toEqual(segmentation);
  expect(file.annotations.at(1)).toMatchObject({ id: 900100581782 });
  // As it crosses to another thread.
  const { buffers } = file.annotations;
  const moved = new CocoColumns(structuredClone(file.annotations.data, { transfer: buffers }));
  expect(buffers.every(({ byteLength }) => byteLength === 0)).toBe(true);
  expect([...moved]).toEqual(expected);
});

test('a later list of the same name counts, as in JSON.parse', () => {
  const text = '{"images":[{"id":"bad"}],"images":[{"id":1,"file_name":"a"}],"categories":[]}';
  expect(parseCoco(text, 'x').images).toHaveLength(1);
});
