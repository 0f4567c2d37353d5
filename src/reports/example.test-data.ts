/** Made-up inputs for the report's tests: a detection and a classification run with everything in them. */
import { ClassMap, derive, type RunEvent } from '../core/index.ts';
import type { ReportInput } from './types.ts';

/** A name that would do harm if it were not escaped. */
export const hostileName = `<script>alert("x")</script> & 'co'`;

const time = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + 1000 * seconds).toISOString();

function events(metric: string): RunEvent[] {
  const random = derive(3, 'report-events');
  const total = 300;
  const steps = Array.from({ length: total }, (_, i): RunEvent => {
    const progress = i / total;
    return {
      type: 'step',
      time: time(i),
      step: i + 1,
      epoch: Math.floor(i / 50),
      loss: 2.4 * Math.exp(-3 * progress) + 0.3 + 0.15 * random.normal() * Math.exp(-progress),
      parts: { loss_ce: 0.4 },
      learning_rate: 1e-4 * Math.min(1, i / 30) * (0.5 + 0.5 * Math.cos(Math.PI * progress)),
      grad_norm: 1 + Math.abs(random.normal()) * (2 - progress),
      ms: 120 + 10 * Math.abs(random.normal()),
      images_per_second: 64,
      gpu_bytes: 1.2e9,
      total_steps: total,
    };
  });
  const evaluations = Array.from({ length: 6 }, (_, epoch): RunEvent => {
    const value = 0.75 - 0.6 * Math.exp(-epoch);
    return {
      type: 'evaluation',
      time: time(50 * (epoch + 1)),
      split: 'val',
      step: 50 * (epoch + 1),
      epoch,
      metrics: {
        [`val_${metric}`]: value,
        [`val_${metric}_2`]: value * 0.8,
        val_loss: 0.5 + (epoch - 3) ** 2 / 20,
      },
      ms: 900,
    };
  });
  return [
    {
      type: 'data_ready',
      time: time(0),
      splits: { train: { images: 400, annotations: 1900, digest: 'abcdef0123456789', source: 'data/train' } },
      classes: ['a'],
      setAside: 2,
    },
    {
      type: 'model_ready',
      time: time(0),
      modelType: 'detr',
      parameters: 41_000_000,
      trainable: 18_000_000,
      missing: [],
      unexpected: [],
      classesKept: 1,
      classesNew: 2,
    },
    ...steps,
    ...evaluations,
    { type: 'warning', time: time(9), code: 'test', message: `A warning about ${hostileName}` },
  ];
}

const head = {
  model: 'facebook/detr-resnet-50',
  device: 'WebGPU',
  createdAt: '2026-01-02T10:20:30.000Z',
  version: '0.1.0',
  split: 'val',
  recipe: `model:\n  model_name: facebook/detr-resnet-50\ndata:\n  note: "${hostileName}"\n`,
  speed: { images: 40, totalMs: 4000, modelMs: 2500, batchMs: [240, 250, 260, 410] },
} as const;

export function detectionExample(): ReportInput {
  const random = derive(5, 'report-detection');
  const classes = new ClassMap([
    { id: 1, name: 'red cell' },
    { id: 4, name: 'platelet' },
    { id: 9, name: hostileName },
  ]);
  const ids = [1, 4, 9];
  const images = Array.from({ length: 40 }, (_, i) => {
    const truths = 2 + random.integer(8);
    const categoryIds = Array.from(
      { length: truths },
      () => ids[Math.min(random.integer(3), random.integer(3))]!,
    );
    const boxes = categoryIds.flatMap((id) => {
      const side = id === 1 ? 90 : id === 4 ? 24 : 150;
      return [
        random.uniform(0, 640 - side),
        random.uniform(0, 480 - side),
        side,
        side * random.uniform(0.8, 1.1),
      ];
    });
    const found = categoryIds
      .map((id, g) => ({ id, g }))
      .filter(({ id }) => random.next() < (id === 4 ? 0.5 : 0.9));
    const detected = found.map(({ id, g }) => ({
      id: random.next() < 0.9 ? id : ids[random.integer(3)]!,
      box: boxes
        .slice(4 * g, 4 * g + 4)
        .map((v, s) => v + random.normal() * boxes[4 * g + 2 + (s % 2)]! * 0.05),
      score: random.uniform(0.4, 1),
    }));
    for (let n = 0; n < 6; n++) {
      const side = random.uniform(15, 160);
      detected.push({
        id: ids[random.integer(3)]!,
        box: [random.uniform(0, 500), random.uniform(0, 380), side, side],
        score: random.next() ** 3,
      });
    }
    return {
      id: i + 1,
      fileName: i === 0 ? `${hostileName}.jpg` : `image_${String(i).padStart(4, '0')}.jpg`,
      width: 640,
      height: 480,
      truth: {
        count: truths,
        categoryIds,
        boxes,
        areas: categoryIds.map((_, g) => boxes[4 * g + 2]! * boxes[4 * g + 3]!),
        crowd: categoryIds.map(() => 0),
      },
      detections: {
        count: detected.length,
        categoryIds: detected.map((row) => row.id),
        scores: detected.map((row) => row.score),
        boxes: detected.flatMap((row) => row.box),
      },
    };
  });
  return {
    ...head,
    title: `cells ${hostileName}`,
    task: 'detection',
    classes,
    metrics: { val_map: 0.4123, val_map_50: 0.71 },
    events: events('map'),
    results: { kind: 'detection', images },
  };
}

export function classificationExample(multiLabel = false): ReportInput {
  const random = derive(6, 'report-classification');
  const names = ['circle', 'square', 'triangle', 'star', 'cross', 'hexagon', hostileName];
  const classes = new ClassMap(names.map((name, id) => ({ id, name })));
  const samples = 160;
  const C = names.length;
  const scores = new Float32Array(samples * C);
  const truth = new Uint8Array(samples * C);
  for (let row = 0; row < samples; row++) {
    const label = random.integer(C);
    truth[row * C + label] = 1;
    if (multiLabel && random.next() < 0.4) truth[row * C + random.integer(C)] = 1;
    const logits = names.map((_, c) => random.normal() + (truth[row * C + c] ? 2.2 : 0));
    const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
    logits.forEach((value, c) => {
      scores[row * C + c] = multiLabel ? 1 / (1 + Math.exp(1 - value)) : Math.exp(value) / total;
    });
  }
  return {
    ...head,
    title: 'shapes',
    model: 'google/vit-base-patch16-224',
    task: 'classification',
    classes,
    metrics: {
      val_accuracy: 0.71,
      val_accuracy_top5: 0.98,
      val_f1: 0.7,
      val_precision: 0.7,
      val_recall: 0.72,
      val_auc: 0.93,
    },
    events: events('accuracy'),
    results: {
      kind: 'classification',
      multiLabel,
      images: Array.from({ length: samples }, (_, i) => ({
        id: i,
        fileName: `shape_${i}.png`,
        width: 224,
        height: 224,
      })),
      scores: { samples, classes: C, data: scores },
      truth: { samples, classes: C, data: truth },
    },
  };
}
