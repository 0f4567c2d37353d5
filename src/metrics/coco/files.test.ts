import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type CocoResult, type CocoTruthFile, evaluateCoco } from './files.ts';

const cocoapi = new URL('../../../../shared/data/cocoapi_results/', import.meta.url);
const shelf = new URL('../../../../shared/reference/metrics/', import.meta.url);
const read = (path: string) => JSON.parse(readFileSync(new URL(path, shelf), 'utf8')) as never;

describe('evaluateCoco', () => {
  it.each(['coco_bbox_edge', 'coco_segm_with_bbox', 'coco_keypoints_edge'])(
    'equals pycocotools on %s',
    (name) => {
      const expected = read(`${name}/expected.json`) as {
        iou_type: 'bbox' | 'segm' | 'keypoints';
        stats: number[];
      };
      const { stats } = evaluateCoco(read(`${name}/gt.json`), read(`${name}/dt.json`), {
        iouType: expected.iou_type,
      });
      expect(stats).toHaveLength(expected.stats.length);
      stats.forEach((value, i) => {
        expect(Math.abs(value - expected.stats[i]!)).toBeLessThan(1e-9);
      });
    },
  );

  it.each(['bbox', 'segm'] as const)(
    "gives the official numbers of COCO's own fake results (%s)",
    (iouType) => {
      const official = readFileSync(new URL('val2014_fake_eval_res.txt', cocoapi), 'utf8').split('type=');
      const section = official.find((text) => text.startsWith(iouType))!;
      const expected = [...section.matchAll(/\] = ([\d.]+)/g)].map((match) => match[1]);
      const load = (name: string) => JSON.parse(readFileSync(new URL(name, cocoapi), 'utf8')) as never;
      const { stats } = evaluateCoco(
        load('instances_val2014_100.json'),
        load(`instances_val2014_fake${iouType}100_results.json`),
        { iouType },
      );
      expect(stats.map((value) => value.toFixed(3))).toEqual(expected);
    },
  );

  const truth: CocoTruthFile = {
    images: [{ id: 1, width: 100, height: 100 }],
    categories: [{ id: 4 }],
    annotations: [{ id: 1, image_id: 1, category_id: 4, bbox: [10, 10, 20, 20], area: 400, iscrowd: 0 }],
  };
  const result: CocoResult = { image_id: 1, category_id: 4, score: 0.5, bbox: [10, 10, 20, 20] };

  it('takes a box for the full rectangle where masks are asked for', () => {
    const square = { ...truth.annotations[0]!, segmentation: [[10, 10, 10, 30, 30, 30, 30, 10]] };
    const evaluation = evaluateCoco({ ...truth, annotations: [square] }, [result], { iouType: 'segm' });
    expect(evaluation.stats[0]).toBeCloseTo(1, 12);
  });

  it('refuses results of unknown images and entries without what is measured', () => {
    expect(() => evaluateCoco(truth, [{ ...result, image_id: 2 }])).toThrow(/entry 0 of image 2/);
    const { bbox: _, ...boxless } = result;
    expect(() => evaluateCoco(truth, [result, boxless])).toThrow(/bbox in result 1/);
  });
});
