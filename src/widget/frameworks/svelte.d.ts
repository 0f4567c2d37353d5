/** `import 'ocelli/widget/svelte'`: `<ocelli-predict>` in markup of Svelte, with its attributes and events. */
import type { HTMLAttributes } from 'svelte/elements';
import type { OcelliPredict, OcelliPredictAttributes, OcelliPredictListeners } from '../index.ts';

export * from '../index.ts';

type Own = OcelliPredictAttributes & OcelliPredictListeners;

declare module 'svelte/elements' {
  interface SvelteHTMLElements {
    'ocelli-predict': Omit<HTMLAttributes<OcelliPredict>, keyof Own> & Own;
  }
}
