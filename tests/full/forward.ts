/**
 * One full-size model, one forward pass, in a process of its own so that its peak memory can be told:
 * `<manifest.json> <device>`. The weights are seeded numbers at the spread that keeps activations in range; the
 * picture goes through the manifest's own processor. Prints one line of JSON.
 */
import { readFile } from 'node:fs/promises';
import { derive } from '../../src/core/index.ts';
import { openDevice, tf } from '../../src/engine/index.ts';
import { buildModel, type ProcessorConfig, type VisionModel } from '../../src/models/index.ts';
import { createProcessor } from '../../src/vision/index.ts';

/** A wide photo: with the processors of DETR and YOLOS its long side comes out at the largest that they allow. */
const photo = { width: 800, height: 480 };

const [manifestPath, deviceName] = process.argv.slice(2) as [string, 'wasm' | 'webgpu'];
const manifest = JSON.parse(await readFile(manifestPath, 'utf8')) as {
  readonly hub_id: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly preprocessor_config: ProcessorConfig;
};

await using device = await openDevice(deviceName);
const model = buildModel(manifest.config);
const filled = await timed(async () => fill(model));
const { pixelValues, size } = prepare();
const passes: number[] = [];
let outputs: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
for (let pass = 0; pass < 2; pass++) {
  passes.push(
    await timed(async () => {
      outputs = await forward(model);
    }),
  );
}
const summary = Object.fromEntries(
  Object.entries(outputs).map(([name, { shape, data }]) => [
    name,
    { shape, finite: data.every(Number.isFinite), distinct: new Set(data).size, size: data.length },
  ]),
);
console.log(
  JSON.stringify({
    model: manifest.hub_id,
    device: device.description,
    input: [1, 3, size.height, size.width],
    parameters: [...model.parameters()].reduce((sum, [, parameter]) => sum + parameter.size, 0),
    outputs: summary,
    fill_seconds: filled,
    first_seconds: passes[0],
    second_seconds: passes[1],
    peak_mb: Math.round(process.resourceUsage().maxRSS / 1024),
  }),
);
model.dispose();

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return Math.round((performance.now() - started) / 10) / 100;
}

/** Uniform numbers: norms around one, weights at 1/√fan_in, the rest small. */
function fill(module: VisionModel): void {
  for (const [name, tensor] of module.tensors()) {
    const random = derive(20, name);
    const values = new Float32Array(tensor.size);
    const fanIn = tensor.size / (tensor.shape[0] ?? 1);
    const isScale =
      tensor.shape.length === 1 && /norm|bn\d|downsample\.1/.test(name) && name.endsWith('weight');
    const centre = isScale || name.endsWith('running_var') ? 1 : 0;
    const spread = tensor.shape.length > 1 ? Math.sqrt(3 / fanIn) : 0.1;
    for (let i = 0; i < values.length; i++) values[i] = centre + random.uniform(-spread, spread);
    tensor.set(values);
  }
}

function prepare() {
  const random = derive(21, 'photo');
  const data = Uint8Array.from({ length: photo.width * photo.height * 3 }, () => random.integer(256));
  const processed = createProcessor(manifest.preprocessor_config).preprocess({ ...photo, data });
  return { pixelValues: processed.pixelValues, size: processed.size };
}

async function forward(module: VisionModel) {
  const found = tf.tidy(() => {
    const pixel_values = tf.tensor4d(pixelValues, [1, 3, size.height, size.width]);
    const pixel_mask = tf.ones([1, size.height, size.width]);
    const inputs = module.takesPixelMask ? { pixel_values, pixel_mask } : { pixel_values };
    return { ...module.forward(inputs, { training: false }) };
  });
  const read: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  for (const [name, tensor] of Object.entries(found)) {
    read[name] = { shape: tensor.shape, data: Float32Array.from(await device.read(tensor)) };
  }
  tf.dispose(Object.values(found));
  return read;
}
