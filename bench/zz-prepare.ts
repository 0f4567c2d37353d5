import { openDevice } from '../src/engine/index.ts';
import { networks, syntheticBatch } from './networks/ocelli.ts';
import { Execution } from '../src/engine/execute/index.ts';
import { ocelliContender } from './step/ocelli.ts';
const device = await openDevice('webgpu', { remember: false });
const original = Execution.prepare;
Execution.prepare = async (plan, d, options) => {
  const t = performance.now();
  const e = await original.call(Execution, plan, d, options);
  const r = e.report;
  console.log(plan.kernels.length, 'kernels', (performance.now() - t).toFixed(0), 'ms', JSON.stringify(r), (r.activations / r.activationsBound).toFixed(3));
  return e;
};
for (const name of ['resnet50', 'vit', 'cnn'] as const) {
  const network = networks[name];
  const contender = ocelliContender(network, syntheticBatch(network), device, { eager: false });
  const t = performance.now();
  await contender.prepare();
  console.log(name, (performance.now() - t).toFixed(0), 'ms', device.memory(), contender.warnings());
  contender.dispose();
  device.trim();
}
await device.dispose();
