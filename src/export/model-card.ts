/**
 * The README.md of an exported model: what it is, what it was trained on, what it reached, how to run it. The
 * YAML in front is the hub's metadata (https://huggingface.co/docs/hub/model-cards). Only what is known is
 * written: a number that was not measured has no place here.
 */
import { stringify } from 'yaml';
import { type ClassMap, counted, type Metrics, type TaskName, withClassName } from '../core/index.ts';

export interface ModelCard {
  readonly name: string;
  /** Where the weights started: a hub id or a place. Left out: from scratch. */
  readonly baseModel?: string;
  /** An SPDX name in lower case, where the user states one. */
  readonly license?: string;
  readonly data?: {
    readonly source: string;
    readonly splits: Readonly<Record<string, { readonly images: number; readonly annotations: number }>>;
  };
  /** By full name (`test_map`, `val_accuracy`). */
  readonly metrics?: Metrics;
  /** The resolved recipe, as YAML. */
  readonly recipe?: string;
}

export interface CardFacts {
  readonly task: TaskName;
  readonly modelType: string;
  readonly classes: ClassMap;
  readonly parameters: number;
  readonly onnx?: {
    readonly path: string;
    readonly dtype: string;
    readonly maxAbs: number;
    readonly dynamicSize: boolean;
  };
}

/** The hub's names for tasks. */
const pipelineTags: Readonly<Record<TaskName, string>> = {
  classification: 'image-classification',
  detection: 'object-detection',
  semantic_segmentation: 'image-segmentation',
  instance_segmentation: 'image-segmentation',
  panoptic_segmentation: 'image-segmentation',
  keypoint_detection: 'keypoint-detection',
};
const autoClasses: Readonly<Record<TaskName, string>> = {
  classification: 'AutoModelForImageClassification',
  detection: 'AutoModelForObjectDetection',
  semantic_segmentation: 'AutoModelForSemanticSegmentation',
  instance_segmentation: 'AutoModelForUniversalSegmentation',
  panoptic_segmentation: 'AutoModelForUniversalSegmentation',
  keypoint_detection: 'AutoModelForKeypointDetection',
};

/** More classes than this are counted, not listed. */
const listedClasses = 100;

export function modelCard(card: ModelCard, facts: CardFacts): string {
  const front = {
    library_name: 'transformers',
    pipeline_tag: pipelineTags[facts.task],
    tags: ['ocelli', 'vision', facts.modelType, ...(facts.onnx ? ['onnx', 'transformers.js'] : [])],
    ...(card.license ? { license: card.license } : {}),
    ...(card.baseModel ? { base_model: card.baseModel } : {}),
    ...(card.metrics && Object.keys(card.metrics).length > 0
      ? { 'model-index': modelIndex(card, facts) }
      : {}),
  };
  return [
    `---\n${stringify(front)}---`,
    `# ${card.name}`,
    introduction(card, facts),
    dataSection(card),
    metricsSection(card.metrics, facts.classes),
    classesSection(facts.classes),
    usageSection(facts),
    card.recipe ? `## Recipe\n\n\`\`\`yaml\n${card.recipe.trimEnd()}\n\`\`\`` : '',
  ]
    .filter((section) => section !== '')
    .join('\n\n')
    .concat('\n');
}

/** One result per split that was evaluated: metrics are named after theirs. */
function modelIndex(card: ModelCard, facts: CardFacts): unknown {
  const metrics = Object.entries(card.metrics ?? {}).filter(([name]) => !name.includes('_class_'));
  const results = ['val', 'test'].flatMap((split) => {
    const own = metrics.filter(([name]) => name.startsWith(`${split}_`));
    if (own.length === 0) return [];
    return [
      {
        task: { type: pipelineTags[facts.task] },
        dataset: { name: card.data?.source ?? 'custom', type: 'custom', split },
        metrics: own.map(([name, value]) => ({ type: name, name, value })),
      },
    ];
  });
  return [{ name: card.name, results }];
}

function introduction(card: ModelCard, facts: CardFacts): string {
  const start = card.baseModel ? `fine-tuned from \`${card.baseModel}\`` : 'trained from scratch';
  const size = `${(facts.parameters / 1e6).toPrecision(3)} million parameters`;
  return `A ${facts.modelType} model for ${facts.task.replaceAll('_', ' ')} with ${counted(facts.classes.size, 'class', 'classes')} and ${size}, ${start} with [Ocelli](https://www.npmjs.com/package/ocelli).`;
}

function dataSection({ data }: ModelCard): string {
  if (!data) return '';
  const rows = Object.entries(data.splits).map(
    ([split, { images, annotations }]) => `| ${split} | ${images} | ${annotations} |`,
  );
  return `## Data\n\n\`${data.source}\`\n\n| split | images | annotations |\n|---|---|---|\n${rows.join('\n')}`;
}

function metricsSection(metrics: Metrics | undefined, classes: ClassMap): string {
  const rows = Object.entries(metrics ?? {}).map(
    ([name, value]) => `| ${withClassName(name, classes)} | ${Number(value.toPrecision(4))} |`,
  );
  return rows.length === 0 ? '' : `## Metrics\n\n| metric | value |\n|---|---|\n${rows.join('\n')}`;
}

function classesSection(classes: ClassMap): string {
  const names = classes.names.slice(0, listedClasses).map((name) => `\`${name}\``);
  const rest = classes.size - names.length;
  return `## Classes\n\n${names.join(', ')}${rest > 0 ? `, and ${rest} more in config.json` : ''}`;
}

function usageSection({ task, onnx }: CardFacts): string {
  const python = [
    '```python',
    `from transformers import AutoImageProcessor, ${autoClasses[task]}`,
    'processor = AutoImageProcessor.from_pretrained(".")',
    `model = ${autoClasses[task]}.from_pretrained(".")`,
    '```',
  ].join('\n');
  if (!onnx) return `## Use\n\n${python}`;
  const file = onnx.path.replace(/^onnx\//, '');
  const dtype = onnx.dtype === 'fp16' ? ", { dtype: 'fp16' }" : '';
  const javascript = [
    '```js',
    "import { pipeline } from '@huggingface/transformers';",
    `const predict = await pipeline('${pipelineTags[task]}', '<this folder or repository>'${dtype});`,
    "const result = await predict('picture.jpg');",
    '```',
  ].join('\n');
  const size = onnx.dynamicSize ? 'any batch, height and width' : 'any batch, height and width fixed';
  const note = `\`onnx/${file}\` takes \`pixel_values\` as float32 (${size}); on export its outputs were within ${onnx.maxAbs.toExponential(1)} of the model's own.`;
  return `## Use\n\n${python}\n\n${javascript}\n\n${note}`;
}
