/** The server that models of the Hugging Face hub come from: the hub itself, or a mirror with its layout. Kept for the next visit. */
import { effect, type Signal, signal } from '@preact/signals';

export const publicHub = 'https://huggingface.co';
const key = 'ocelli-hub';

export function openHubChoice(): Signal<string> {
  const choice = signal(localStorage.getItem(key) ?? publicHub);
  effect(() => {
    if (choice.value === publicHub) localStorage.removeItem(key);
    else localStorage.setItem(key, choice.value);
  });
  return choice;
}

/** What was typed as an address; nothing is the public hub. Undefined where it is no address. */
export function hubAddress(text: string): string | undefined {
  const trimmed = text.trim().replace(/\/+$/, '');
  if (trimmed === '') return publicHub;
  const url = URL.canParse(trimmed) ? new URL(trimmed) : undefined;
  return url?.protocol === 'https:' || url?.protocol === 'http:' ? trimmed : undefined;
}
