import { it } from 'vitest';
import { classes, networks, syntheticBatch } from '../../bench/networks/ocelli.ts';
import { DeviceError } from '../core/index.ts';
import { planGraph } from '../engine/compile/index.ts';
import { estimate } from '../engine/execute/index.ts';
import { openDevice, type PrepareProgram } from '../engine/index.ts';
import { createTask } from '../tasks/index.ts';
import { parameterGroups } from './groups.ts';
import { createAlgorithm, Optimizer } from './optimizers/index.ts';
import { TrainingStep } from './step.ts';

it('plans', async () => {
  const device = await openDevice('wasm');
  for (const name of (process.env.NETS ?? 'vit,cnn').split(','))
    for (const batch of (process.env.BATCH ?? '8').split(',').map(Number)) {
      const network = {
        ...networks[name as 'vit'],
        batch,
        ...(process.env.SIZE ? { size: Number(process.env.SIZE) } : {}),
      };
      const model = network.build();
      const task = createTask(network.task as 'classification', { classes, config: network.config });
      const groups = parameterGroups(model, {
        backboneLearningRateFactor: 1,
        weightDecay: 0,
        noDecayNormBias: false,
      });
      const optimizer = new Optimizer(createAlgorithm('adamw', {}), groups);
      const prepare: PrepareProgram = async ({ graph, halts }) => {
        try {
          for (const recompute of [false, true]) {
            const t = performance.now();
            const plan = planGraph(graph, {
              features: new Set(),
              limits: {},
              software: true,
              halts,
              recompute,
            });
            const r = estimate(plan);
            console.log(
              name,
              batch,
              recompute,
              graph.nodes.length,
              'nodes',
              plan.kernels.length,
              'kernels',
              Math.round(performance.now() - t),
              'ms',
              Object.entries(r)
                .map(([k, v]) => `${k} ${(v / 1e6).toFixed(2)}`)
                .join(' '),
            );
            if (process.env.DUMP)
              (await import('node:fs')).writeFileSync(
                `/tmp/mem/${name}.${recompute}.plan`,
                plan.kernels
                  .map(
                    (k, i) =>
                      `${i} ${k.label} | ${k.bindings.map((b) => `${b.value}${b.access[0]}[${plan.values.get(b.value)!.shape}]`).join(' ')}`,
                  )
                  .join('\n'),
              );
          }
        } catch (e) {
          console.log(name, (e as Error).stack);
        }
        throw new DeviceError({ code: 'out_of_memory', expected: '', received: '', fix: '' });
      };
      const step = new TrainingStep(model, task as never, { ...device, prepare }, optimizer, {
        seed: 1,
        mix: { mixupAlpha: 0, cutmixAlpha: 0 },
      });
      try {
        await step.add(syntheticBatch(network), 1, 0);
        await step.finish([1e-3], 1);
      } catch (e) {
        if (!(e instanceof DeviceError)) console.log(e);
      }
      model.dispose();
    }
  await device.dispose();
}, 200000);
