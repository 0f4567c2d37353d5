/**
 * A wrong export must be refused. A small function is exported, and a number of the file is changed by more
 * or by less than the tolerance, or to NaN; or the file is right and our own forward pass gives NaN.
 */
import { afterAll, beforeAll, expect, it, test } from 'vitest';
import { type Device, openDevice, recordGraph, tf } from '../../engine/index.ts';
import { decodeOnnx, encodeOnnx } from '../../formats/onnx/index.ts';
import { asTensors, checkAgainstForward, type Forward, seededInputs } from './check.ts';
import { lowerToOnnx } from './lower.ts';
import { mustExpand } from './rows/index.ts';

const recorded = [
  { batch: 1, height: 8, width: 8 },
  { batch: 2, height: 12, width: 16 },
];
const options = { sizes: [{ batch: 3, height: 10, width: 9 }], seed: 5, tolerance: 1e-3 };

let device: Device;
beforeAll(async () => {
  device = await openDevice('cpu');
});
afterAll(() => device.dispose());

/** [batch, 3]: the mean of each channel and a bias, which decides how large the outputs are. */
async function exported(values: readonly number[]): Promise<{ forward: Forward; model: Uint8Array }> {
  const bias = tf.variable(tf.tensor1d([...values]));
  const forward: Forward = ({ pixel_values }) => ({ logits: tf.add(tf.mean(pixel_values!, [2, 3]), bias) });
  const graphs = [];
  for (const size of recorded) {
    const inputs = asTensors(seededInputs(size, 1));
    graphs.push(await recordGraph(forward, inputs, { parameters: [['bias', bias]], expand: mustExpand }));
  }
  return { forward, model: await lowerToOnnx(graphs, { parameters: { bias } }) };
}

/** The file with one number of its bias replaced. */
function withBias(model: Uint8Array, position: number, value: number): Uint8Array {
  const file = decodeOnnx(model);
  const initializer = file.graph.initializer.map((tensor) => {
    if (tensor.name !== 'bias') return tensor;
    const numbers = new Float32Array(new Uint8Array(tensor.rawData).buffer);
    numbers[position] = value;
    return { ...tensor, rawData: new Uint8Array(numbers.buffer) };
  });
  expect(initializer.map(({ name }) => name)).toContain('bias');
  return encodeOnnx({ ...file, graph: { ...file.graph, initializer } });
}

const differs = { code: 'export_differs', received: expect.stringContaining('logits at 3 × 3 × 10 × 9') };

it('accepts a right export, and leaves no tensors behind', async () => {
  const { forward, model } = await exported([0.1, -0.2, 0.3]);
  const before = device.memory().tensors;
  expect(await checkAgainstForward(model, forward, options)).toBeLessThan(1e-6);
  expect(device.memory().tensors).toBe(before);
});

// The means of 90 numbers are small: the largest output is below 1, or 8 and a little.
test.each([
  ['small outputs', [0.1, -0.2, 0.3], 0.0005, 0.002],
  ['outputs up to 8', [0.1, -8, 0.3], 0.006, 0.012],
])('%s: a weight may be off within the tolerance, not beyond', async (_, bias, within, beyond) => {
  const { forward, model } = await exported(bias);
  for (const [position, value] of bias.entries()) {
    const near = await checkAgainstForward(withBias(model, position, value + within), forward, options);
    expect(near).toBeCloseTo(within, 5);
    const before = device.memory().tensors;
    const far = checkAgainstForward(withBias(model, position, value - beyond), forward, options);
    await expect(far).rejects.toMatchObject(differs);
    expect(device.memory().tensors).toBe(before);
  }
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses a file that gives %d', async (value) => {
  const { forward, model } = await exported([0.1, -0.2, 0.3]);
  for (const position of [0, 1, 2]) {
    const wrong = checkAgainstForward(withBias(model, position, value), forward, options);
    await expect(wrong).rejects.toMatchObject(differs);
  }
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])('refuses a forward pass that gives %d', async (value) => {
  const { model } = await exported([0.1, -0.2, 0.3]);
  const { forward, model: same } = await exported([0.1, value, 0.3]);
  await expect(checkAgainstForward(model, forward, options)).rejects.toMatchObject(differs);
  // Not when the file gives it too: there is nothing to compare.
  await expect(checkAgainstForward(same, forward, options)).rejects.toMatchObject(differs);
});

it('refuses outputs of another shape, and outputs that are missing', async () => {
  const { forward, model } = await exported([0.1, -0.2, 0.3]);
  const wider: Forward = (inputs) => ({ logits: tf.concat([forward(inputs).logits!, tf.ones([3, 1])], 1) });
  await expect(checkAgainstForward(model, wider, options)).rejects.toMatchObject(differs);
  const renamed: Forward = (inputs) => ({ pred_boxes: forward(inputs).logits! });
  await expect(checkAgainstForward(model, renamed, options)).rejects.toMatchObject({
    received: expect.stringContaining('[nothing]'),
  });
});
