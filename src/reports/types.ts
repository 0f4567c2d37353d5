/**
 * What a report is made of: plain data, collected by whoever ran the evaluation. The report room opens no files
 * and no sockets; it says which pictures it wants to show and gets their bytes.
 */
import type { ClassMap, Metrics, RunEvent, SplitName } from '../core/index.ts';
import type { DetectionColumns, LabelMatrix, ScoreMatrix, TruthColumns } from '../metrics/index.ts';

export interface ReportInput {
  /** The run's name, or what was evaluated. */
  readonly title: string;
  /** Model and task as people call them, for the head of the page. */
  readonly model: string;
  readonly task: string;
  readonly device: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Ocelli's version. */
  readonly version: string;
  readonly split: SplitName;
  readonly classes: ClassMap;
  /** Of the split, with its prefix (`val_map`). */
  readonly metrics: Metrics;
  /** The run's events; empty where only an evaluation ran. */
  readonly events: readonly RunEvent[];
  readonly results: DetectionResults | ClassificationResults;
  /** The resolved recipe as YAML. */
  readonly recipe?: string;
  readonly speed?: EvaluationSpeed;
}

/** How long the evaluation took. */
export interface EvaluationSpeed {
  readonly images: number;
  /** Everything: decoding, processing, forward passes, metrics. */
  readonly totalMs: number;
  /** Forward passes and readbacks alone. */
  readonly modelMs: number;
  /** Per batch, forward pass and readback, where it was measured. */
  readonly batchMs?: readonly number[];
}

/** An image of the split, as it is named in the report. */
export interface ReportImage {
  readonly id: number | string;
  readonly fileName: string;
  /** Pixels that truth and predictions are given in. */
  readonly width: number;
  readonly height: number;
}

export interface DetectionResults {
  readonly kind: 'detection';
  readonly images: readonly (ReportImage & {
    readonly truth: TruthColumns;
    /** All detections, unthresholded. */
    readonly detections: DetectionColumns;
  })[];
}

export interface ClassificationResults {
  readonly kind: 'classification';
  readonly multiLabel: boolean;
  readonly images: readonly ReportImage[];
  /** Probabilities [images × classes]. */
  readonly scores: ScoreMatrix;
  /** 0 or 1, [images × classes]. */
  readonly truth: LabelMatrix;
}

/** An encoded picture, as it is embedded: scaled down by the caller (640 px is plenty), upright. */
export interface ReportPicture {
  readonly bytes: Uint8Array;
  readonly mediaType: 'image/jpeg' | 'image/png' | 'image/webp';
}

/** Files of the report by path below the run folder's `report/`. */
export type ReportFiles = ReadonlyMap<string, string>;

export interface PreparedReport {
  /** Images whose pictures the report would like to show: samples and the worst ones. Missing ones are left out. */
  readonly wantedPictures: readonly ReportImage[];
  /** `index.html`, `metrics.json` and tables as CSV. */
  render(pictures: ReadonlyMap<number | string, ReportPicture>): ReportFiles;
}
