/**
 * Predictions of an evaluated split as a COCO results file: one entry per detection, or per class of an image,
 * by the data set's own image and category ids, without a threshold, one entry a line. They are written in
 * pieces, because the results of a large split don't fit into one string. Beside it lie the same rows as a table
 * (`.parquet`) with the pictures' names and sizes, which Spark reads.
 */
import { files } from '#platform';
import type { ClassMap } from '../core/index.ts';
import type { Dataset, ImageRecord } from '../data/index.ts';
import { areNumbers, type TableRow, TableWriter } from '../formats/coco/index.ts';
import { type ClassificationPrediction, cocoResults, type DetectionPrediction } from '../tasks/index.ts';

/** Of a detection, with `bbox`; of a class of an image, without. */
interface ResultEntry {
  readonly image_id: number | string;
  readonly category_id: number;
  readonly score: number;
  readonly bbox?: readonly number[];
}

const pieceLength = 4 << 20;

export class PredictionFile {
  private piece = '[';
  private entries = 0;
  private readonly unfinished: string;
  private readonly table: TableWriter;

  constructor(
    private readonly path: string,
    private readonly dataset: Dataset,
    /** The model's classes; those that the data set does not have are left out. */
    private readonly modelClasses: ClassMap,
  ) {
    this.unfinished = `${path}.unfinished`;
    const ids = dataset.records.map(({ id }) => id);
    this.table = new TableWriter(dataset.classes.categories, areNumbers(ids));
  }

  async add(index: number, prediction: unknown): Promise<void> {
    const record = this.dataset.records[index]!;
    for (const entry of entriesOf(record.id, prediction, this.dataset.classes, this.modelClasses)) {
      this.table.add(tableRow(record, entry));
      this.piece += `${this.entries++ === 0 ? '\n' : ',\n'}${JSON.stringify(entry)}`;
    }
    if (this.piece.length > pieceLength) await this.flush();
  }

  /** Closes the list; the file then appears under its name. */
  async finish(): Promise<void> {
    this.piece += '\n]\n';
    await this.flush();
    await files.rename(this.unfinished, this.path);
    await files.write(this.path.replace(/\.json$/, '.parquet'), this.table.finish());
  }

  private async flush(): Promise<void> {
    // A piece that an earlier, broken evaluation left must not stay in front of ours.
    if (!this.begun) await files.remove(this.unfinished);
    this.begun = true;
    await files.append(this.unfinished, this.piece);
    this.piece = '';
  }
  private begun = false;
}

function tableRow({ fileName, width, height }: ImageRecord, entry: ResultEntry): TableRow {
  return { ...entry, file_name: fileName, width, height };
}

function entriesOf(
  imageId: number | string,
  prediction: unknown,
  classes: ClassMap,
  modelClasses: ClassMap,
): readonly ResultEntry[] {
  if (isDetection(prediction)) {
    const idOf = categoryIds(classes, modelClasses);
    return cocoResults(imageId, prediction, modelClasses).flatMap((entry) => {
      const label = modelClasses.labelOf(entry.category_id);
      const category_id = label === undefined ? undefined : idOf[label];
      return category_id === undefined ? [] : [{ ...entry, category_id }];
    });
  }
  const idOf = categoryIds(classes, modelClasses);
  return [...(prediction as ClassificationPrediction).scores].flatMap((score, label) => {
    const category_id = idOf[label];
    return category_id === undefined ? [] : [{ image_id: imageId, category_id, score }];
  });
}

/** The data set's category id of each label of the model. */
function categoryIds(classes: ClassMap, modelClasses: ClassMap): readonly (number | undefined)[] {
  return modelClasses.names.map((name) => {
    const label = classes.labelOfName(name);
    return label === undefined ? undefined : classes.categoryOf(label)?.id;
  });
}

function isDetection(prediction: unknown): prediction is DetectionPrediction {
  return typeof prediction === 'object' && prediction !== null && 'boxes' in prediction;
}
