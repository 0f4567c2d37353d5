/**
 * Which task a model has, by `config.json` and the attribute, and who can do it. Two tasks are ours; everything else is
 * the name of a pipeline of transformers.js.
 */
import { ConfigError } from '../../core/index.ts';

type Json = Readonly<Record<string, unknown>>;

/** Other names that people write for ours. */
const ours: Readonly<Record<string, 'classification' | 'detection'>> = {
  classification: 'classification',
  'image-classification': 'classification',
  detection: 'detection',
  'object-detection': 'detection',
};

/** What the class in `architectures` says. The first row that fits counts. */
const architectures: readonly (readonly [RegExp, string])[] = [
  [/^(Owl|GroundingDino).*ForObjectDetection$/i, 'zero-shot-object-detection'],
  [/ForImageClassification(WithTeacher)?$/, 'classification'],
  [/ForObjectDetection$/, 'detection'],
  [/For(Semantic|Instance|Universal|Image)?Segmentation$/, 'image-segmentation'],
  [/ForDepthEstimation$/, 'depth-estimation'],
  [/^(CLIP|Siglip|ChineseCLIP|JinaCLIP)Model$/i, 'zero-shot-image-classification'],
  [/ForImageSuperResolution$/, 'image-to-image'],
  [/ForImageMatting$/, 'background-removal'],
  [/^VisionEncoderDecoderModel$/, 'image-to-text'],
];

/** Pipelines that take a picture and nothing else, or a picture and a list of classes. */
const pipelines = [
  'image-segmentation',
  'depth-estimation',
  'background-removal',
  'image-to-image',
  'image-to-text',
  'image-feature-extraction',
  'zero-shot-image-classification',
  'zero-shot-object-detection',
];

/** Heads with a softmax over the classes and "no object": what our decoding of detections reads. */
const softmaxDetectors = ['detr', 'yolos', 'table-transformer'];

export interface TaskChoice {
  /** `classification`, `detection`, or a pipeline's name. */
  readonly task: string;
  /** Whether our own decoding can read the outputs. */
  readonly own: boolean;
}

/** @throws ConfigError for a task that nobody here knows, or that the model does not have */
export function chooseTask(config: Json, asked: string | undefined, where: string): TaskChoice {
  const architecture = architectureOf(config);
  const found = architectures.find(([pattern]) => pattern.test(architecture))?.[1];
  const wanted = asked === undefined || asked === '' ? undefined : (ours[asked] ?? asked);
  if (wanted !== undefined && !pipelines.includes(wanted) && ours[wanted] === undefined) {
    throw new ConfigError({
      code: 'unknown_task',
      expected: `a task of ${['classification', 'detection', ...pipelines].join(', ')}`,
      received: asked!,
      fix: 'correct the attribute task, or leave it out: config.json says it',
    });
  }
  if (wanted !== undefined && found !== undefined && ours[wanted] && wanted !== found) {
    throw new ConfigError({
      code: 'task_not_supported',
      expected: `a model for ${wanted}`,
      received: `${architecture}, a model for ${found}, in ${where}`,
      fix: 'leave the attribute task out, or choose another model',
    });
  }
  const task = wanted ?? found;
  if (task === undefined) {
    throw new ConfigError({
      code: 'task_not_found',
      expected:
        'a config.json whose architectures tell the task (…ForImageClassification, …ForObjectDetection, …)',
      received: `architectures=${architecture || 'none'} in ${where}`,
      fix: `say it with the attribute task: ${['classification', 'detection', ...pipelines].join(', ')}`,
    });
  }
  const own =
    task === 'classification' ||
    (task === 'detection' && softmaxDetectors.includes(String(config.model_type)));
  return { task, own };
}

/** The pipeline of transformers.js that does a task. */
export function pipelineOf(task: string): string {
  if (task === 'classification') return 'image-classification';
  return task === 'detection' ? 'object-detection' : task;
}

function architectureOf(config: Json): string {
  const { architectures: list } = config;
  const [first] = Array.isArray(list) ? (list as unknown[]) : [];
  return typeof first === 'string' ? first : '';
}
