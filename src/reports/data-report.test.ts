import { describe, expect, it } from 'vitest';
import { datasetStatistics, openDataset } from '../data/index.ts';
import { renderDataReport } from './data-report.ts';

const paths = { train_data_path: 'sample:shapes?images=40&seed=3&objects=4', val_data_path: '' };

describe('the page of a data set', async () => {
  const dataset = await openDataset(paths, 'train', { task: 'detection' });
  const statistics = await datasetStatistics(dataset);
  const picture = { bytes: new Uint8Array([1, 2, 3]), mediaType: 'image/jpeg' } as const;
  const samples = [{ fileName: '<000000>.png', caption: '2 × circle', picture }];
  const files = renderDataReport({
    title: 'shapes & more',
    task: 'detection',
    createdAt: '2026-01-01T00:00:00Z',
    version: '0',
    splits: [{ split: 'train', source: dataset.source, statistics, samples }],
  });
  const page = files.get('index.html')!;

  it('is whole: charts, a row per class, samples, and nothing from elsewhere', () => {
    for (const name of dataset.classes.names) expect(page).toContain(`>${name}</th>`);
    expect(page.match(/<svg/g)!.length).toBeGreaterThanOrEqual(4);
    expect(page).toContain('data:image/jpeg;base64,AQID');
    expect(page).toContain('shapes &amp; more');
    expect(page).not.toContain('<000000>');
    expect(page).not.toMatch(/(src|href)="https?:/);
  });

  it('has its numbers as JSON and CSV', () => {
    const json = JSON.parse(files.get('statistics.json')!) as { splits: { train: { annotations: number } } };
    expect(json.splits.train.annotations).toBe(statistics.annotations);
    const rows = files.get('classes_train.csv')!.trim().split('\r\n');
    expect(rows).toHaveLength(1 + dataset.classes.size);
    expect(rows[0]).toBe('id,name,images,examples,share');
  });
});
