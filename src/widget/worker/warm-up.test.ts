import { expect, test } from 'vitest';
import { decodeOnnx } from '../../formats/onnx/index.ts';
import { openOnnxSession } from '../../platform/node/index.ts';
import { identityModel } from './warm-up.ts';

test('the smallest model is one, and gives back its input', async () => {
  expect(decodeOnnx(identityModel).graph?.node).toMatchObject([
    { opType: 'Identity', input: ['x'], output: ['y'] },
  ]);
  const session = await openOnnxSession(identityModel, { device: 'cpu' });
  const { y } = await session.run({ x: { shape: [1], data: Float32Array.of(3), dtype: 'float32' } });
  expect([...(y!.data as Float32Array)]).toEqual([3]);
  await session.dispose();
});
