/** `import 'ocelli/widget/vue'`: `<ocelli-predict>` in templates of Vue, with its attributes and events. */
import type { HTMLAttributes, PublicProps } from 'vue';
import type { OcelliPredict, OcelliPredictAttributes, OcelliPredictEventMap } from '../index.ts';

export * from '../index.ts';

type Emit = <Name extends keyof OcelliPredictEventMap>(
  name: Name,
  event: OcelliPredictEventMap[Name],
) => void;

type Listeners = {
  [Name in keyof OcelliPredictEventMap as `on${Capitalize<Name>}`]?: (
    event: OcelliPredictEventMap[Name],
  ) => void;
};

type Own = OcelliPredictAttributes & Listeners;

declare module 'vue' {
  interface GlobalComponents {
    'ocelli-predict': new () => OcelliPredict & {
      $props: Omit<HTMLAttributes, keyof Own> & Own & PublicProps;
      $emit: Emit;
    };
  }
}
