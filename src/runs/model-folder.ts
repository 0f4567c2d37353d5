/** `model/`: the trained model as others load it, with its card. */
import { files } from '#platform';
import { type Recipe, resolvedYaml } from '../config/index.ts';
import type { Metrics, RunEventBody } from '../core/index.ts';
import type { Dataset } from '../data/index.ts';
import { exportModel, type ModelCard } from '../export/index.ts';
import type { LoadedModel } from '../models/index.ts';
import { version } from './version.ts';

/** Writes the folder with the weights that the model holds now, and says what is in it. */
export async function writeModelFolder(
  folder: string,
  loaded: LoadedModel,
  facts: {
    readonly recipe: Recipe;
    readonly splits: Readonly<Record<string, Dataset>>;
    readonly metrics: Metrics;
  },
): Promise<RunEventBody[]> {
  const exported = await exportModel(loaded, { format: 'mlflow', card: cardOf(facts), version });
  for (const [path, bytes] of exported.files) await files.write(`${folder}/${path}`, bytes);
  return [
    { type: 'exported', format: 'hf', path: folder },
    ...(exported.onnx
      ? [
          {
            type: 'exported' as const,
            format: 'onnx' as const,
            path: `${folder}/${exported.onnx.path}`,
            max_abs: exported.onnx.maxAbs,
          },
        ]
      : []),
    { type: 'exported', format: 'mlflow', path: folder },
  ];
}

function cardOf({ recipe, splits, metrics }: Parameters<typeof writeModelFolder>[2]): ModelCard {
  const named = Object.entries(splits).map(([split, { records }]) => {
    const annotations = records.reduce(
      (sum, record) => sum + Math.max(record.annotations.length, record.labels.length),
      0,
    );
    return [split, { images: records.length, annotations }] as const;
  });
  return {
    name: recipe.mlflow.run_name,
    ...(recipe.model.pretrained ? { baseModel: recipe.model.model_name } : {}),
    data: { source: splits.train!.source, splits: Object.fromEntries(named) },
    metrics,
    recipe: resolvedYaml(recipe),
  };
}
