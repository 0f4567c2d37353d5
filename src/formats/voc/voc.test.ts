import { expect, test } from 'vitest';
import { parseVoc } from './index.ts';

const annotation = (inner: string, doctype = ''): string =>
  `<?xml version="1.0"?>${doctype}<annotation><filename>a.jpg</filename>${inner}</annotation>`;
const box = '<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>10</xmax><ymax>20</ymax></bndbox>';

test('pixels are counted from 1', () => {
  const read = parseVoc(annotation(`<object><name>dog</name>${box}</object>`), 'a.xml');
  expect(read.objects).toEqual([{ name: 'dog', bbox: [0, 1, 10, 19], difficult: false, truncated: false }]);
});

const bomb = Array.from({ length: 9 }, (_, i) => `<!ENTITY e${i + 1} "${`&e${i};`.repeat(10)}">`).join('');

test.each([
  [
    'entities that grow without end',
    annotation('<folder>&e9;</folder>', `<!DOCTYPE a [<!ENTITY e0 "lol">${bomb}]>`),
  ],
  [
    'an entity that is used a thousand times',
    annotation(`<folder>${'&e;'.repeat(1000)}</folder>`, '<!DOCTYPE a [<!ENTITY e "x">]>'),
  ],
  ['elements that lie 10,000 deep', annotation(`${'<a>'.repeat(10_000)}${'</a>'.repeat(10_000)}`)],
  ['an element `constructor`', annotation('<constructor><prototype>1</prototype></constructor>')],
  ['an element `__proto__`', annotation('<__proto__><polluted>1</polluted></__proto__>')],
])('%s are refused in words, or harmless', (_, text) => {
  try {
    expect(parseVoc(text, 'a.xml').objects).toEqual([]);
  } catch (error) {
    expect(error).toMatchObject({ code: 'voc_invalid', exitCode: 3 });
  }
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test('a file outside is not read', () => {
  const text = annotation(
    '<folder>&secret;</folder>',
    '<!DOCTYPE a [<!ENTITY secret SYSTEM "file:///etc/hostname">]>',
  );
  expect(() => parseVoc(text, 'a.xml')).toThrow(expect.objectContaining({ code: 'voc_invalid' }));
});
