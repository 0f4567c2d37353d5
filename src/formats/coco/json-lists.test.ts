/** Lists of large JSON files: the same values as JSON.parse, wherever the pieces are cut. */
import { expect, test } from 'vitest';
import { JsonLists } from './json-lists.ts';
import { parseCoco, readCoco, readCocoPieces } from './parse.ts';

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

test('an annotation file in pieces reads as the whole, with the same complaints', async () => {
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
  async function* pieces(length: number): AsyncIterable<Uint8Array> {
    for (let start = 0; start < bytes.length; start += length) yield bytes.slice(start, start + length);
  }
  const whole = readCoco(bytes, 'x.json');
  expect(whole.complaints.map(({ path }) => path)).toEqual([
    'annotations[17].category_id',
    'annotations[18].bbox',
  ]);
  for (const length of [13, 1000, 1 << 20])
    expect(await readCocoPieces(pieces(length), 'x.json')).toEqual(whole);
  await expect(
    readCocoPieces(pieces(1000), 'x.json').then(() => readCocoPieces(cut(), 'x.json')),
  ).rejects.toMatchObject({
    code: 'coco_not_json',
  });
  async function* cut(): AsyncIterable<Uint8Array> {
    yield bytes.slice(0, bytes.length - 40);
  }
});

test('a later list of the same name counts, as in JSON.parse', () => {
  const text = '{"images":[{"id":"bad"}],"images":[{"id":1,"file_name":"a"}],"categories":[]}';
  expect(parseCoco(text, 'x').images).toHaveLength(1);
});
