/** One button: system, light, dark. */
import type { Signal } from '@preact/signals';
import { Icon, type IconName } from './design/icon.tsx';
import type { Theme } from './theme.ts';

const next: Readonly<Record<Theme, Theme>> = { system: 'light', light: 'dark', dark: 'system' };
const icons: Readonly<Record<Theme, IconName>> = { system: 'screen', light: 'sun', dark: 'moon' };

export function ThemeSwitch({ theme }: { readonly theme: Signal<Theme> }) {
  const label = `Colours: ${theme.value}. Change to ${next[theme.value]}`;
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={label}
      title={label}
      onClick={() => {
        theme.value = next[theme.value];
      }}
    >
      <Icon name={icons[theme.value]} />
    </button>
  );
}
