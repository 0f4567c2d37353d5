/**
 * Pictures to training samples: JPEG of 640 × 480 → decode, mirror (p 0.5), resize to 224 (bilinear, antialiased),
 * rescale, normalise, stack to [32, 3, 224, 224], beside Pillow with numpy.
 *
 * Method: the same 64 files (photographs of the reference shelf where it lies beside the repository, else
 * generated) in a fresh process each, pinned to one core (`taskset`), our loader without threads and with
 * nobody taking time over its batches; one epoch to warm up, then five seconds of epochs; three times in turn,
 * medians. Seconds are those that the process had the core (user and system time of all its threads), so that
 * neighbours on the machine don't count. Both decode the whole JPEG: shrinking while decoding would be faster
 * and not give the same pixels. `device_waits`: see `waitsInRun`.
 *
 * Measured with `npm run bench -- images` on two x86-64 cores shared with other work: 190–215 images a second
 * against Pillow's 250–280. Of our 4.7 ms an image, decoding takes 2.1 (Pillow 2.2; half of it is the decoder, the
 * rest libvips' threads, its fresh memory and 0.3 to hand over options), resizing 0.4 (Pillow 1.2), mirroring every
 * other picture 0.25, normalising 0.24 (numpy 0.4). Most of what is left is V8 collecting garbage: a picture's
 * 0.9 MB outside of its heap make it mark the whole heap every 14 pictures; with incremental marking switched off
 * (`node --no-incremental-marking`) the same loader reaches 250–270. In training 2 of 16 batches were late there.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import sharp from 'sharp';
import {
  type DataSettings,
  type Dataset,
  Loader,
  type LoaderOptions,
  openDataset,
} from '../src/data/index.ts';
import { openDevice } from '../src/engine/index.ts';
import { fromConfig } from '../src/models/index.ts';
import { createTask } from '../src/tasks/index.ts';
import { createAlgorithm, Optimizer, parameterGroups, TrainingStep } from '../src/training/index.ts';
import { type BenchCase, interleaved, median } from './case.ts';

const rounds = 3;
const batchSize = 32;
const files = 64;
const seconds = 5;

const processorConfig = {
  image_processor_type: 'ViTImageProcessor',
  size: { height: 224, width: 224 },
  resample: 2,
  image_mean: [0.485, 0.456, 0.406],
  image_std: [0.229, 0.224, 0.225],
};

/** Pictures as a training run reads them: shuffled, half of them mirrored, 224 px. */
export const loaderOf = (
  dataset: Dataset,
  options: Pick<LoaderOptions, 'batchSize' | 'threads' | 'connections'>,
): Loader =>
  new Loader({
    dataset,
    task: 'classification',
    processorConfig,
    sampler: 'shuffle',
    augmentations: [{ type: 'horizontal_flip', p: 0.5 }],
    ...options,
  });

export const images: BenchCase = {
  name: 'images',

  async run(report) {
    const folder = await mkdtemp(join(tmpdir(), 'ocelli-images-'));
    try {
      const source = await writePictures(join(folder, 'all'));
      report.note(`${files} JPEG files of 640 × 480 (${source}), one core`);
      const python = (await output('bash', ['scripts/python.sh', 'tools'])).trim();
      const found = await interleaved(rounds, {
        ours: () => measure(process.execPath, [process.argv[1]!, '--child', 'images', folder]),
        pillow: () =>
          measure(python, [
            resolve('bench/images.py'),
            join(folder, 'all'),
            String(batchSize),
            String(seconds),
          ]),
      });
      report.ours('images_per_second', median(found.ours), 'images/s');
      report.peer('Pillow + numpy', 'images_per_second', median(found.pillow), 'images/s');
      const { waits, batches, device } = await waitsInRun({ train_data_path: folder, val_data_path: folder });
      report.note(
        `training with one thread for pictures on ${device}: ${waits} of ${batches} batches were late`,
      );
      report.ours('device_waits', waits, 'count');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },

  async child([folder]) {
    const data = { train_data_path: folder!, val_data_path: folder! };
    const dataset = await openDataset(data, 'train', { task: 'classification' });
    const loader = loaderOf(dataset, { batchSize, threads: 0 });
    const run = async (epoch: number): Promise<number> => {
      let count = 0;
      for await (const batch of loader.epoch(epoch)) count += batch.count;
      return count;
    };
    await run(0);
    let count = 0;
    const start = performance.now();
    const before = process.cpuUsage();
    for (let epoch = 1; performance.now() - start < seconds * 1000; epoch++) count += await run(epoch);
    const { user, system } = process.cpuUsage(before);
    return { images_per_second: count / ((user + system) / 1e6) };
  },
};

/**
 * A real training run (ResNet of three stages, 224 px, batches of 8) on these pictures: how many batches were not
 * ready when the step asked for them, the first of each epoch aside.
 */
export async function waitsInRun(
  data: DataSettings,
): Promise<{ waits: number; batches: number; device: string }> {
  const dataset = await openDataset(data, 'train', { task: 'classification' });
  const device = await openDevice('auto');
  const { model, config } = fromConfig(
    {
      model_type: 'resnet',
      layer_type: 'basic',
      embedding_size: 16,
      hidden_sizes: [16, 32, 64],
      depths: [1, 1, 1],
    },
    { task: 'classification', classes: dataset.classes, seed: 1 },
  );
  const loader = loaderOf(dataset, { batchSize: 8, threads: 1 });
  try {
    const groups = parameterGroups(model, {
      weightDecay: 0.01,
      backboneLearningRateFactor: 1,
      noDecayNormBias: false,
    });
    const optimizer = new Optimizer(createAlgorithm('adamw'), groups);
    const task = createTask('classification', { classes: dataset.classes, config });
    const step = new TrainingStep(model, task, device, optimizer, {
      seed: 1,
      mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    });
    let number = 0;
    for (let epoch = 0; epoch < 2; epoch++) {
      for await (const batch of loader.epoch(epoch)) {
        await step.add(batch, ++number, 0);
        step.finish([1e-3], number);
        await step.results(2);
      }
    }
    await step.results(0);
    const { waits, batches } = loader.statistics;
    return { waits, batches, device: device.description };
  } finally {
    await loader.dispose();
    await device.dispose();
  }
}

/** Photographs where the reference shelf lies beside the repository, else clouds of noise; quality 90, 4:2:0. */
export async function writePictures(folder: string, count = files): Promise<string> {
  await mkdir(folder, { recursive: true });
  const shelf = '../shared/reference/processors';
  const photographs: Buffer[] = [];
  if (existsSync(`${shelf}/images.json`)) {
    const known = JSON.parse(await readFile(`${shelf}/images.json`, 'utf8')) as Record<
      string,
      { jpeg?: string }
    >;
    for (const { jpeg } of Object.values(known)) {
      if (jpeg !== undefined) photographs.push(await readFile(`${shelf}/${jpeg}`));
    }
  }
  for (let i = 0; i < count; i++) {
    const photograph = photographs[i % Math.max(1, photographs.length)];
    const picture = photograph
      ? sharp(photograph)
      : sharp(clouds(i), { raw: { width: 40, height: 30, channels: 3 } });
    const jpeg = await picture
      .resize(640, 480, { fit: 'fill', kernel: 'cubic' })
      .jpeg({ quality: 90 })
      .toBuffer();
    await writeFile(join(folder, `${String(i).padStart(3, '0')}.jpg`), jpeg);
  }
  return photographs.length > 0 ? 'photographs' : 'generated';
}

const clouds = (seed: number): Uint8Array =>
  Uint8Array.from({ length: 40 * 30 * 3 }, (_, i) => (Math.imul(i + 1, 2654435761 + seed * 97) >>> 16) & 255);

async function measure(program: string, args: readonly string[]): Promise<number> {
  const pinned = existsSync('/usr/bin/taskset') ? ['/usr/bin/taskset', '-c', '0', program] : [program];
  const text = await output(pinned[0]!, [...pinned.slice(1), ...args]);
  return (JSON.parse(text.trim().split('\n').at(-1)!) as { images_per_second: number }).images_per_second;
}

function output(program: string, args: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done(text) : fail(new Error(`${program} ended with ${code}`))));
  });
}
