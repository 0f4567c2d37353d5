/** The models that come with the page: no download from anywhere else. `npm run shipped-model` makes them. */
import firstVisit from './first-visit.yaml?raw';

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
export const shippedModels: readonly ShippedModel[] = [
  {
    name: 'figures-resnet',
    title: 'Small ResNet that knows figures',
    summary:
      'It tells 24 drawn figures apart (arrows, hearts, letters, …) and has never seen the shapes of the sample data: fine-tuned, it learns them in a minute.',
    task: 'classification',
    bytes: 730_500,
    imageSize: 48,
    recipe: firstVisit,
  },
];
