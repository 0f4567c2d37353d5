import { writeFileSync } from 'node:fs';
import { it } from 'vitest';
import { classes, networks, syntheticBatch } from '../../bench/networks/ocelli.ts';
import { EngineError, planGraph } from '../engine/compile/index.ts';
import { openDevice, type PrepareProgram } from '../engine/index.ts';
import { createTask } from '../tasks/index.ts';
import { parameterGroups } from './groups.ts';
import { createAlgorithm, Optimizer } from './optimizers/index.ts';
import { TrainingStep } from './step.ts';

it('plans', async () => {
  const device = await openDevice('wasm');
  for (const name of (process.env.NETS ?? 'small,vit,cnn').split(',')) {
    const network = networks[name as 'vit'];
    const model = network.build();
    const task = createTask(network.task as 'classification', { classes, config: network.config });
    const groups = parameterGroups(model, {
      backboneLearningRateFactor: 1,
      weightDecay: 0,
      noDecayNormBias: false,
    });
    const optimizer = new Optimizer(createAlgorithm('adamw', {}), groups);
    const prepare: PrepareProgram = async ({ graph, halts }) => {
      let log = '';
      const histogram = new Map<string, number>();
      for (const n of graph.nodes) histogram.set(n.kernel, (histogram.get(n.kernel) ?? 0) + 1);
      graph.nodes.forEach((n, i) => {
        log += `${i} ${n.kernel} ${JSON.stringify(n.inputs)} ${n.outputs.map((o) => `${o}:[${graph.values[o]!.shape}]`).join(' ')} ${JSON.stringify(n.attrs)}\n`;
      });
      writeFileSync(`/tmp/pl/${name}.graph`, log);
      const t = performance.now();
      try {
        for (const software of [false, true]) {
          const plan = planGraph(graph, {
            features: new Set(),
            limits: { maxStorageBuffersPerShaderStage: Number(process.env.BUF ?? 8) },
            software,
            halts,
          });
          for (const k of plan.kernels)
            for (const b of k.bindings)
              if (
                k.bindings.filter((o) => o.value === b.value).length > 1 &&
                k.bindings.some((o) => o.value === b.value && o.access === 'write')
              )
                console.log('TWICE', k.label, b.value, k.wgsl);
          const labels = new Map<string, number>();
          for (const k of plan.kernels) labels.set(k.label, (labels.get(k.label) ?? 0) + 1);
          console.log(
            name,
            software ? 'software' : 'gpu',
            graph.nodes.length,
            'nodes',
            plan.kernels.length,
            'kernels',
            new Set(plan.kernels.map((k) => k.wgsl)).size,
            'texts',
            Math.round(performance.now() - t),
            'ms',
          );
          writeFileSync(
            `/tmp/pl/${name}${software ? '.soft' : ''}.plan`,
            plan.kernels
              .map(
                (k, i) =>
                  `${i} ${k.label} | ${k.workgroups} | nodes ${k.nodes} | ${k.bindings.map((b) => `${b.value}${b.access[0]}[${plan.values.get(b.value)!.shape}]`).join(' ')}`,
              )
              .join('\n'),
          );
          writeFileSync(
            `/tmp/pl/${name}${software ? '.soft' : ''}.hist`,
            [...labels]
              .sort((a, b) => b[1] - a[1])
              .map(([l, c]) => `${c} ${l}`)
              .join('\n'),
          );
          writeFileSync(
            `/tmp/pl/${name}${software ? '.soft' : ''}.wgsl`,
            plan.kernels.map((k, i) => `//////// ${i} ${k.label}\n${k.wgsl}`).join('\n\n'),
          );
        }
      } catch (error) {
        console.log(
          name,
          error instanceof EngineError ? error.kernels.map((k) => `${k} ${histogram.get(k)}`) : error,
        );
      }
      throw new Error('enough');
    };
    const step = new TrainingStep(model, task as never, { ...device, prepare }, optimizer, {
      seed: 1,
      clip: process.env.CLIP ? { kind: 'norm', limit: 1 } : undefined,
      mix: { mixupAlpha: 0, cutmixAlpha: 0 },
    });
    try {
      await step.add(syntheticBatch(network), 1, 0);
      await step.finish([1e-3], 1);
    } catch (e) {
      if (!String(e).includes('enough')) console.log(e);
    }
  }
  await device.dispose();
}, 200000);
