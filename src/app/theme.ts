/** Light, dark, or as the system has it. Kept for the next visit. */
import { effect, type Signal, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const key = 'ocelli-theme';

export function openTheme(): Signal<Theme> {
  const kept = localStorage.getItem(key);
  const theme = signal<Theme>(kept === 'light' || kept === 'dark' ? kept : 'system');
  effect(() => {
    if (theme.value === 'system') {
      delete document.documentElement.dataset.theme;
      localStorage.removeItem(key);
    } else {
      document.documentElement.dataset.theme = theme.value;
      localStorage.setItem(key, theme.value);
    }
  });
  return theme;
}
