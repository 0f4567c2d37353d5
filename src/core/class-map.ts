/**
 * The one class map: dataset category ids ↔ contiguous labels ↔ names. It travels with the data, the
 * checkpoint (`id2label`), the exported model and the predictions, so that no part guesses.
 *
 * Labels are the positions of the categories in ascending order of their ids, as pycocotools' `getCatIds`.
 */
import { DataError } from './errors.ts';

export interface Category {
  readonly id: number;
  readonly name: string;
  readonly supercategory?: string;
}

export class ClassMap {
  readonly categories: readonly Category[];
  private readonly labels: ReadonlyMap<number, number>;

  constructor(categories: readonly Category[]) {
    this.categories = [...categories].sort((a, b) => a.id - b.id);
    this.labels = new Map(this.categories.map((category, label) => [category.id, label]));
    if (this.labels.size !== this.categories.length) {
      throw new DataError({
        code: 'duplicate_category_id',
        expected: 'category ids that are unique',
        received: this.categories.map((category) => category.id).join(', '),
        fix: 'give each category an id of its own in the annotation file',
      });
    }
  }

  get size(): number {
    return this.categories.length;
  }

  get names(): readonly string[] {
    return this.categories.map((category) => category.name);
  }

  /** The contiguous label of a category id, or undefined when the id is unknown. */
  labelOf(categoryId: number): number | undefined {
    return this.labels.get(categoryId);
  }

  categoryOf(label: number): Category | undefined {
    return this.categories[label];
  }

  labelOfName(name: string): number | undefined {
    const label = this.categories.findIndex((category) => category.name === name);
    return label < 0 ? undefined : label;
  }

  /** Hugging Face's `id2label`. */
  toId2Label(): Record<string, string> {
    return Object.fromEntries(this.categories.map((category, label) => [String(label), category.name]));
  }

  /** A map from a checkpoint's `id2label`; category ids are the labels themselves. */
  static fromId2Label(id2label: Readonly<Record<string, string>>): ClassMap {
    return new ClassMap(Object.entries(id2label).map(([id, name]) => ({ id: Number(id), name })));
  }
}
