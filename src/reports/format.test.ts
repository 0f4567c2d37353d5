import { expect, it } from 'vitest';
import { csv } from './csv.ts';
import { bytes, duration, number, percent, quantile } from './format.ts';
import { base64, html } from './html.ts';

it('writes numbers as people read them', () => {
  expect(
    [0.41234, 0.9998, 1 - 2 ** -53, 0.00012, 123.456, 54321.7, 12, Number.NaN, null].map(number),
  ).toEqual(['0.412', '0.9998', '1', '1.20e-4', '123.5', '54,322', '12', '–', '–']);
  expect([percent(0.4567), percent(null), percent(1, 0)]).toEqual(['45.7%', '–', '100%']);
  expect([3.21, 250, 4200, 187000, 7260000].map(duration)).toEqual([
    '3.2 ms',
    '250 ms',
    '4.2 s',
    '3 min 7 s',
    '2 h 1 min',
  ]);
  expect([512, 3.4e6, 1.25e9].map(bytes)).toEqual(['1 kB', '3 MB', '1.25 GB']);
  expect([0, 0.5, 0.9, 1].map((share) => quantile([4, 1, 3, 2], share))).toEqual([1, 2.5, 3.7, 4]);
});

it('quotes what a CSV reader would misread', () => {
  expect(
    csv(
      ['a', 'b'],
      [
        ['x,y', 'say "hi"'],
        ['line\nbreak', null],
        [1, undefined],
      ],
    ),
  ).toBe('a,b\r\n"x,y","say ""hi"""\r\n"line\nbreak",\r\n1,\r\n');
});

it('escapes text and passes its own markup', () => {
  expect(html`<p title="${`"&'`}">${['<b>', html`<i>${'a<b'}</i>`, false, null, 0]}</p>`.text).toBe(
    '<p title="&quot;&amp;&#39;">&lt;b&gt;<i>a&lt;b</i>0</p>',
  );
});

it('encodes any length as base64', () => {
  for (const length of [0, 1, 2, 3, 0x8000, 0x8001, 100_000]) {
    const bytesOf = Uint8Array.from({ length }, (_, i) => (i * 7) % 256);
    expect(base64(bytesOf)).toBe(Buffer.from(bytesOf).toString('base64'));
  }
});
