/** The models that come with the page: no download from anywhere else. */

export interface ShippedModel {
  /** The folder in `public/models`, with an `index.json`; mounted at `/picked/<name>`. */
  readonly name: string;
  readonly title: string;
  /** One sentence: what it has learned, and what fine-tuning it shows. */
  readonly summary: string;
  readonly task: 'classification' | 'detection';
  readonly bytes: number;
  /** Pixels of a side. */
  readonly imageSize: number;
  /** YAML of a run that fine-tunes it on the sample set. */
  readonly recipe: string;
}

/** The first is what a new visitor trains. */
export const shippedModels: readonly ShippedModel[] = [];
