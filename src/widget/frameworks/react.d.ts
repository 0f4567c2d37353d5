/** `import 'ocelli/widget/react'`: `<ocelli-predict>` in JSX, with its attributes, and from React 19 on its events. */
import type { DetailedHTMLProps, HTMLAttributes } from 'react';
import type { OcelliPredict, OcelliPredictAttributes, OcelliPredictListeners } from '../index.ts';

export * from '../index.ts';

type Own = OcelliPredictAttributes & OcelliPredictListeners;

declare module 'react' {
  namespace JSX {
    interface IntrinsicElements {
      'ocelli-predict': Omit<DetailedHTMLProps<HTMLAttributes<OcelliPredict>, OcelliPredict>, keyof Own> &
        Own;
    }
  }
}
