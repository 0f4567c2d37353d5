/** What may be written on `<ocelli-predict>` in the templates of frameworks: attributes, properties, listeners of events. */
import type { OcelliPredictEventMap } from './page/events.ts';

export interface OcelliPredictAttributes {
  model?: string | null | undefined;
  task?: string | null | undefined;
  src?: string | null | undefined;
  threshold?: number | string | null | undefined;
  labels?: readonly string[] | string | null | undefined;
  topK?: number | string | null | undefined;
  'top-k'?: number | string | null | undefined;
  sources?: readonly string[] | string | null | undefined;
  device?: 'auto' | 'webgpu' | 'wasm' | null | undefined;
  dtype?: 'fp32' | 'fp16' | null | undefined;
  record?: boolean | null | undefined;
  preload?: 'none' | 'model' | null | undefined;
  facing?: 'environment' | 'user' | null | undefined;
  hub?: string | null | undefined;
  maxMegabytes?: number | string | null | undefined;
  'max-megabytes'?: number | string | null | undefined;
}

/** `onprediction={(event) => …}`: React from 19 on, and Svelte from 5 on. */
export type OcelliPredictListeners = {
  [Name in keyof OcelliPredictEventMap as `on${Name}`]?: (event: OcelliPredictEventMap[Name]) => void;
};
