import { describe, expect, it } from 'vitest';
import { createSchedule, recipeLearningRates, type ScheduleSettings } from './index.ts';

const run = { stepsPerEpoch: 10, totalSteps: 100 };
const rates = (settings: Omit<ScheduleSettings, 'learning_rate'>) =>
  recipeLearningRates({ learning_rate: 1, ...settings }, run);

describe('learning rates of a recipe', () => {
  it('warms up linearly from 0 and falls along a cosine to eta_min', () => {
    const { at } = rates({ scheduler: 'cosine', warmup_epochs: 2, scheduler_params: { eta_min: 0.1 } });
    expect(at(0)).toBe(0);
    expect(at(10)).toBeCloseTo(0.5, 12);
    expect(at(20)).toBe(1);
    expect(at(60)).toBeCloseTo(0.55, 12);
    expect(at(100)).toBeCloseTo(0.1, 12);
  });

  it('counts T_max in epochs and stays at the floor behind it', () => {
    const { at } = rates({ scheduler: 'cosine', scheduler_params: { T_max: 5, eta_min: null } });
    expect(at(25)).toBeCloseTo(0.5, 12);
    expect(at(50)).toBeCloseTo(0, 12);
    expect(at(80)).toBeCloseTo(0, 12);
  });

  it('takes the length of the warmup from steps, epochs or a share of the run', () => {
    expect(rates({ scheduler: 'linear', warmup_steps: 7 }).warmupSteps).toBe(7);
    expect(rates({ scheduler: 'linear', warmup_epochs: 0.5 }).warmupSteps).toBe(5);
    expect(rates({ scheduler: 'linear', warmup_ratio: 0.25 }).warmupSteps).toBe(25);
    // A part of a step counts whole, as in Hugging Face's `get_warmup_steps`.
    expect(rates({ scheduler: 'linear', warmup_ratio: 0.121 }).warmupSteps).toBe(13);
  });

  it('steps and decays by whole epochs', () => {
    const step = rates({ scheduler: 'step', scheduler_params: { step_size: 3, gamma: 0.5 } });
    expect([29, 30, 59, 60].map((i) => step.at(i))).toEqual([1, 0.5, 0.5, 0.25]);
    const exponential = rates({ scheduler: 'exponential', scheduler_params: { gamma: 0.5 } });
    expect([9, 10, 20].map((i) => exponential.at(i))).toEqual([1, 0.5, 0.25]);
  });

  it('reduces on a plateau, and goes on from a saved state', () => {
    const settings = {
      scheduler: 'plateau',
      scheduler_params: { patience: 1, factor: 0.5 },
      monitor_mode: 'max',
    } as const;
    const first = rates(settings);
    for (const metric of [0.5, 0.4, 0.3]) first.observe(metric);
    expect(first.at(30)).toBe(0.5);
    const second = rates(settings);
    second.restore(JSON.parse(JSON.stringify(first.state())));
    for (const metric of [0.2, 0.1]) second.observe(metric);
    expect(second.at(50)).toBe(0.25);
  });

  it('refuses a scheduler that it does not know', () => {
    expect(() => rates({ scheduler: 'cosin' })).toThrow(/one of the schedulers/);
  });
});

describe("torch's one-cycle policy", () => {
  it('takes its length in steps, or in epochs of so many steps', () => {
    const whole = createSchedule('torch.OneCycleLR', { max_lr: 0.2, total_steps: 40 });
    const parts = createSchedule('torch.OneCycleLR', { max_lr: 0.2, epochs: 4, steps_per_epoch: 10 });
    for (const step of [0, 11, 12, 39]) expect(parts(step, 1)).toBe(whole(step, 1));
    expect(whole(11, 1)).toBeCloseTo(0.2, 12);
    expect(() => createSchedule('torch.OneCycleLR', { max_lr: 0.2, epochs: 4 })).toThrow(/total_steps/);
  });
});
