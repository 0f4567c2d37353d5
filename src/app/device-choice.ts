/** Where the next run computes, chosen by hand or by Ocelli. Kept for the next visit. */
import { effect, type Signal, signal } from '@preact/signals';

const choices = ['auto', 'webgpu', 'wasm'] as const;
export type ChosenDevice = (typeof choices)[number];

const key = 'ocelli-device';

export function openDeviceChoice(): Signal<ChosenDevice> {
  const kept = localStorage.getItem(key);
  const choice = signal<ChosenDevice>(choices.find((name) => name === kept) ?? 'auto');
  effect(() => {
    if (choice.value === 'auto') localStorage.removeItem(key);
    else localStorage.setItem(key, choice.value);
  });
  return choice;
}
