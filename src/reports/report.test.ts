import { describe, expect, it } from 'vitest';
import { classificationExample, detectionExample, hostileName } from './example.test-data.ts';
import { prepareReport } from './report.ts';
import type { ReportInput, ReportPicture } from './types.ts';

const picture: ReportPicture = { bytes: Uint8Array.of(1, 2, 3, 250), mediaType: 'image/jpeg' };

function rendered(input: ReportInput, withPictures = true) {
  const report = prepareReport(input);
  const pictures = new Map(withPictures ? report.wantedPictures.map((image) => [image.id, picture]) : []);
  const files = report.render(pictures);
  return { report, files, page: files.get('index.html')! };
}

const examples: [string, ReportInput][] = [
  ['detection', detectionExample()],
  ['classification', classificationExample()],
  ['several labels', classificationExample(true)],
];

it.each(examples)('the report of %s agrees in number with one image', (_, input) => {
  const { results } = input;
  const one =
    results.kind === 'classification' ? oneRow(results) : { ...results, images: results.images.slice(0, 1) };
  const { page } = rendered({ ...input, results: one, events: input.events.slice(0, 2) });
  const sentences = page
    .replace(/<(style|svg)[\s\S]*?<\/\1>|<table[\s\S]*?<\/table>/g, '')
    .replace(/<[^>]*>/g, ' ');
  expect(sentences.match(/(?<![\d,.])1 image\b/g)?.length).toBeGreaterThan(0);
  const several = 'images|classes|objects|annotations|false detections|times|steps|splits';
  expect(sentences.match(new RegExp(`(?<![\\d,.])1 (${several})\\b`, 'g'))).toBeNull();
  expect(sentences.match(/of 1 image are/g)).toBeNull();
});

/** The first image of a classification, with its scores and truth. */
function oneRow(
  results: Extract<ReportInput['results'], { kind: 'classification' }>,
): ReportInput['results'] {
  const { scores, truth } = results;
  const cut = <Data extends Uint8Array | ArrayLike<number>>(data: Data): Data =>
    (data as unknown as Float64Array).slice(0, scores.classes) as unknown as Data;
  return {
    ...results,
    images: results.images.slice(0, 1),
    scores: { ...scores, samples: 1, data: cut(scores.data) },
    truth: { ...truth, samples: 1, data: cut(truth.data) },
  };
}

describe.each(examples)('the report of %s', (_, input) => {
  const { report, files, page } = rendered(input);

  it('needs nothing from outside and runs no script', () => {
    expect(page).not.toMatch(/<script|javascript:|\son\w+="/i);
    expect(page.match(/(?:src|href)="(?!#|data:)[^"]*"/g)?.toSorted()).toEqual([
      'href="images.csv"',
      'href="metrics.json"',
      'href="per_class.csv"',
    ]);
    expect(page).not.toMatch(/url\((?!#)|@import/);
    for (const link of ['metrics.json', 'per_class.csv', 'images.csv']) expect(files.has(link)).toBe(true);
  });

  it('escapes names that other people gave', () => {
    expect(page).not.toContain(hostileName);
    expect(page).not.toContain('<script>alert');
    expect(page).toContain('&lt;script&gt;');
  });

  it('closes what it opens', () => {
    const open: string[] = [];
    const voids = new Set(['meta', 'img', 'input', 'br', '!doctype']);
    const body = page.replace(/<style>[\s\S]*?<\/style>/, '');
    for (const [tag, slash, name] of body.matchAll(/<(\/?)([a-z!][\w-]*)[^>]*>/gi)) {
      if (voids.has(name!.toLowerCase()) || tag!.endsWith('/>')) continue;
      if (slash) expect(open.pop()).toBe(name);
      else open.push(name!);
    }
    expect(open).toEqual([]);
  });

  it('gives every plot a description and every picture a text', () => {
    const plots = page.match(/<div class="chart"[^>]*>/g)!;
    expect(plots.length).toBeGreaterThan(6);
    for (const plot of plots) expect(plot).toMatch(/role="img" aria-label="[^"]{10,}"/);
    for (const image of page.match(/<img [^>]*>/g)!) expect(image).toMatch(/alt="[^"]+True: /);
    expect(page.match(/<img /g)!.length).toBeGreaterThanOrEqual(report.wantedPictures.length);
  });

  it('has every section, and links to each', () => {
    const ids = [...page.matchAll(/<section id="([^"]+)"/g)].map((match) => match[1]);
    expect(ids).toEqual([
      'overview',
      'samples',
      'curves',
      'classes',
      'errors',
      'training',
      'speed',
      'data',
      'recipe',
    ]);
    for (const id of ids) expect(page).toContain(`href="#${id}"`);
    expect(new Set(page.match(/ id="[^"]+"/g)).size).toBe(page.match(/ id="[^"]+"/g)!.length);
  });

  it('writes its numbers as JSON and tables that are rectangles', () => {
    const numbers = JSON.parse(files.get('metrics.json')!) as Record<string, unknown>;
    expect(numbers.metrics).toEqual(input.metrics);
    expect(numbers.error_analysis).toBeDefined();
    for (const [path, text] of files) {
      if (!path.endsWith('.csv')) continue;
      const rows = text
        .replace(/"(?:[^"]|"")*"/g, 'quoted')
        .trimEnd()
        .split('\r\n')
        .map((line) => line.split(',').length);
      expect([path, new Set(rows).size]).toEqual([path, 1]);
    }
    expect([...files.keys()]).toEqual(expect.arrayContaining(['history.csv', 'pr_curve.csv', 'images.csv']));
  });
});

describe('a report with little in it', () => {
  it('works without events, pictures, recipe and speed', () => {
    const { recipe: _r, speed: _s, ...rest } = detectionExample();
    const { page, files } = rendered({ ...rest, events: [] }, false);
    expect(page).not.toContain('id="training"');
    expect(page).not.toContain('<img');
    expect(files.has('history.csv')).toBe(false);
  });

  it('works on a split without images and on one without objects', () => {
    const input = detectionExample();
    const empty = rendered({ ...input, metrics: {}, results: { kind: 'detection', images: [] } });
    expect(empty.page).toContain('no objects to find');
    expect(empty.page).not.toContain('NaN');
    const noTruth = { count: 0, categoryIds: [], boxes: [], areas: [], crowd: [] };
    const images = input.results.kind === 'detection' ? input.results.images : [];
    const bare = rendered({
      ...input,
      results: { kind: 'detection', images: images.map((image) => ({ ...image, truth: noTruth })) },
    });
    expect(bare.page).not.toContain('NaN');
    const none = classificationExample();
    const zero = { samples: 0, classes: 7, data: new Float32Array() };
    const results = {
      kind: 'classification',
      multiLabel: false,
      images: [],
      scores: zero,
      truth: zero,
    } as const;
    expect(rendered({ ...none, metrics: {}, results }).page).not.toContain('NaN');
  });

  it('keeps plots readable with very many classes', () => {
    const input = classificationExample();
    const C = 300;
    const scores = { samples: C, classes: C, data: new Float32Array(C * C).fill(1 / C) };
    const truth = {
      samples: C,
      classes: C,
      data: Uint8Array.from({ length: C * C }, (_, i) => (i % C === Math.floor(i / C) ? 1 : 0)),
    };
    const classes = new (input.classes.constructor as typeof import('../core/index.ts').ClassMap)(
      Array.from({ length: C }, (_, id) => ({ id, name: `class ${id}` })),
    );
    const images = Array.from({ length: C }, (_, id) => ({
      id,
      fileName: `${id}.png`,
      width: 10,
      height: 10,
    }));
    const { page } = rendered(
      { ...input, classes, results: { kind: 'classification', multiLabel: false, images, scores, truth } },
      false,
    );
    expect(page.length).toBeLessThan(3e6);
  });
});
