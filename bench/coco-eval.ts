/**
 * COCO evaluation of 5,000 images, 80 categories, 36,000 boxes and 250,000 detections (generated, seeded) beside
 * pycocotools 2.
 *
 * Method: both read the same two JSON files in a fresh process each, in turn, three times. `seconds` is from the
 * parsed lists to the 12 numbers (index, results, matching, curves, summary); `peak_mb` is the process's largest
 * resident memory, parsing included; `evaluation_mb` what evaluation added to what was resident after parsing.
 * Medians. The case fails if a number differs by more than 1e-9.
 *
 * Measured with `npm run bench -- coco-eval` on 2 shared x86-64 cores: 0.81 s against 29.0 s (36 times faster), 24 MB
 * against 1,425 MB for the evaluation itself, largest difference 3e-14.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { derive } from '../src/core/index.ts';
import {
  type CocoResult,
  type CocoTruthAnnotation,
  type CocoTruthFile,
  evaluateCoco,
} from '../src/metrics/index.ts';
import { type BenchCase, interleaved, median } from './case.ts';

const rounds = 3;

interface Measurement {
  readonly seconds: number;
  readonly peak_mb: number;
  readonly evaluation_mb: number;
  readonly stats: readonly number[];
}

export const cocoEval: BenchCase = {
  name: 'coco-eval',

  async run(report) {
    const folder = await mkdtemp(join(tmpdir(), 'ocelli-coco-eval-'));
    try {
      const { truth, results } = generate(77, 5000);
      await writeFile(join(folder, 'gt.json'), JSON.stringify(truth));
      await writeFile(join(folder, 'dt.json'), JSON.stringify(results));
      report.note(
        `${truth.images.length} images, ${truth.annotations.length} boxes, ${results.length} detections`,
      );
      const python = (await output('bash', ['scripts/python.sh', 'tools'])).trim();
      const found = await interleaved(rounds, {
        ours: () => measure(process.execPath, [process.argv[1]!, '--child', 'coco-eval', folder]),
        pycocotools: () => measure(python, [resolve('bench/coco-eval.py'), folder]),
      });
      const difference = Math.max(
        ...found.ours[0]!.stats.map((value, i) => Math.abs(value - found.pycocotools[0]!.stats[i]!)),
      );
      if (!(difference <= 1e-9)) throw new Error(`the numbers differ from pycocotools' by ${difference}`);
      report.note(`the 12 numbers differ by at most ${difference.toExponential(1)}`);
      for (const [metric, unit] of [
        ['seconds', 's'],
        ['peak_mb', 'MB'],
        ['evaluation_mb', 'MB'],
      ] as const) {
        report.ours(metric, median(found.ours.map((run) => run[metric])), unit);
        report.peer('pycocotools', metric, median(found.pycocotools.map((run) => run[metric])), unit);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },

  async child([folder]) {
    const truth = JSON.parse(await readFile(join(folder!, 'gt.json'), 'utf8')) as CocoTruthFile;
    const results = JSON.parse(await readFile(join(folder!, 'dt.json'), 'utf8')) as CocoResult[];
    const before = await residentPeak();
    const start = performance.now();
    const { stats } = evaluateCoco(truth, results);
    const seconds = (performance.now() - start) / 1000;
    const peak = await residentPeak();
    return {
      seconds,
      peak_mb: peak,
      evaluation_mb: Math.max(peak - before, 0.1),
      stats,
    } satisfies Measurement;
  },
};

async function measure(command: string, args: readonly string[]): Promise<Measurement> {
  const lines = (await output(command, args)).trim().split('\n');
  return JSON.parse(lines.at(-1)!) as Measurement;
}

function output(command: string, args: readonly string[]): Promise<string> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.on('error', failed);
    child.on('close', (code) =>
      code === 0 ? done(text) : failed(new Error(`${command} ${args.join(' ')} ended with ${code}`)),
    );
  });
}

/**
 * The largest resident memory so far, in MB. Linux' VmHWM, because getrusage's maximum is inherited from the
 * parent process at exec.
 */
async function residentPeak(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const match = /VmHWM:\s+(\d+) kB/.exec(status);
  return (match ? Number(match[1]) : process.resourceUsage().maxRSS) / 1024;
}

/**
 * A detector's results on made-up ground truth: most objects are found with jitter, some twice, some with the
 * wrong category, and every image has a tail of weak false detections. Areas spread over small, medium and large.
 */
function generate(seed: number, imageCount: number): { truth: CocoTruthFile; results: CocoResult[] } {
  const random = derive(seed, 'coco-eval');
  const categories = Array.from({ length: 80 }, (_, i) => ({ id: i + 1 + Math.floor(i / 9), name: `c${i}` }));
  const category = (): number => categories[random.integer(80)]!.id;
  const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
  const images: { id: number; width: number; height: number }[] = [];
  const annotations: CocoTruthAnnotation[] = [];
  const results: CocoResult[] = [];
  const detect = (image_id: number, category_id: number, box: readonly number[], score: number): void => {
    results.push({
      image_id,
      category_id,
      bbox: box.map((value, i) => rounded(i < 2 ? value : Math.max(value, 0.01), 2)),
      score: rounded(score, 4),
    });
  };
  for (let i = 0; i < imageCount; i++) {
    const image = { id: 3 * i + 1, width: 640, height: 480 };
    images.push(image);
    const objects = random.integer(8) + random.integer(8);
    for (let object = 0; object < objects; object++) {
      const side = [24, 64, 200][random.integer(3)]!;
      const width = side * random.uniform(0.3, 1.5);
      const height = side * random.uniform(0.3, 1.5);
      const box = [random.uniform(0, 640 - width), random.uniform(0, 480 - height), width, height];
      const id = Math.min(category(), category());
      annotations.push({
        id: annotations.length + 1,
        image_id: image.id,
        category_id: id,
        bbox: box.map((value) => rounded(value, 2)),
        area: rounded(width * height * random.uniform(0.5, 1), 2),
        iscrowd: random.next() < 0.01 ? 1 : 0,
      });
      const copies = random.next() < 0.12 ? 0 : random.next() < 0.2 ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const level = random.uniform(0.01, 0.12);
        const jittered = box.map(
          (value, side) => value + level * random.uniform(-1, 1) * box[2 + (side % 2)]!,
        );
        const found = random.next() < 0.1 ? category() : id;
        detect(
          image.id,
          found,
          jittered,
          Math.max(0.01, 0.99 - 3 * level - 0.2 * copy - random.uniform(0, 0.3)),
        );
      }
    }
    for (let weak = 30 + random.integer(24); weak > 0; weak--) {
      const size = [random.uniform(3, 120), random.uniform(3, 120)];
      const box = [random.uniform(0, 640), random.uniform(0, 480), ...size];
      detect(image.id, category(), box, 0.01 + 0.6 * Math.min(random.next(), random.next(), random.next()));
    }
  }
  return { truth: { images, categories, annotations }, results };
}
