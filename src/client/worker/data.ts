/** The data of a recipe before anything is trained: classes and their balance, images with what is known of them. */
import { type Recipe, usableData } from '../../config/index.ts';
import { classCounts, type Dataset, type ImageRecord, openSplits, type Splits } from '../../data/index.ts';
import type { DataDescription, ImageTruth, SplitDescription } from '../protocol.ts';

/** Reasons that are told one by one; the count tells of the others. */
const listedSetAside = 20;

export async function openData(recipe: Recipe): Promise<Splits> {
  return openSplits(usableData(recipe), { task: recipe.model.task_type, seed: recipe.training.seed });
}

export function describe(splits: Splits): DataDescription {
  const { classes } = splits.train;
  return {
    classes: classes.names,
    splits: Object.fromEntries(
      Object.entries(splits).map(([name, dataset]: [string, Dataset]) => [name, describeSplit(dataset)]),
    ),
  };
}

function describeSplit(dataset: Dataset): SplitDescription {
  const { source, format, digest, records, setAside } = dataset;
  return {
    source,
    format,
    digest,
    images: records.length,
    examplesPerClass: classCounts(dataset),
    setAside: setAside.length,
    problems: setAside
      .slice(0, listedSetAside)
      .map(({ fileName, code, reason }) => ({ fileName, code, reason })),
  };
}

/** What the annotations say of an image. */
export function truthOf({ labels, annotations }: ImageRecord, { classes }: Dataset): ImageTruth {
  return {
    labels:
      labels.length > 0 ? labels : annotations.map(({ categoryId }) => classes.labelOf(categoryId) ?? -1),
    boxes: annotations.map(({ bbox }) => bbox),
  };
}
