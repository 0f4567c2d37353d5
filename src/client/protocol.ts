/**
 * What the page asks of the training worker. Plain data and Blobs both ways; the page never holds a tensor.
 *
 * One thing at a time owns the device: a run, an evaluation, an export. Predictions of the run's own model
 * (`preview`) happen between its steps; what is asked meanwhile and needs the device itself is refused with
 * `worker_busy`.
 */
import type { Metrics, RunEvent, SplitName } from '../core/index.ts';
import type { DeviceChoice, EngineReport } from '../engine/index.ts';
import type { ExportResult, ExportRunOptions } from '../export/index.ts';
import type { Prediction } from '../inference/index.ts';
import type { MountSource, StorageReport } from '../platform/browser/index.ts';
import type { EvaluateResult } from '../runs/index.ts';

export type { EngineReport, EvaluateResult, ExportResult, MountSource, Prediction, StorageReport };

/** What a run reads besides the browser's own disk: mount path → source. A recipe names these paths. */
export type Places = Readonly<Record<string, MountSource>>;

export interface StartRequest {
  /** The recipe's YAML. Problems come back as one ConfigError with all of them. */
  readonly recipe: string;
  /** `key=value` pairs that override it. */
  readonly overrides?: readonly string[] | undefined;
  readonly places?: Places | undefined;
  readonly device?: DeviceChoice | undefined;
  /** The run folder (`/runs/<name>-<time>`). */
  readonly out?: string | undefined;
}

export interface ResumeRequest {
  /** The run folder. */
  readonly run: string;
  /** Left out: those that the run index kept. */
  readonly places?: Places | undefined;
  readonly device?: DeviceChoice | undefined;
}

export interface RunResult {
  readonly run: string;
  /** `stopped`: by the user; the checkpoint is there to go on from. */
  readonly outcome: 'finished' | 'stopped';
  readonly metrics: Metrics;
}

export interface PreviewRequest {
  readonly split?: SplitName | undefined;
  /** Positions in the split (the first eight). */
  readonly images?: readonly number[] | undefined;
  /** Detections with a score above this (0.5). */
  readonly threshold?: number | undefined;
}

/** Predictions of the model as it is now, between two steps. */
export interface PreviewResult {
  /** Optimiser steps that were done. */
  readonly step: number;
  readonly epoch: number;
  readonly classes: readonly string[];
  readonly images: readonly PreviewImage[];
  /** What it took of the run's time. */
  readonly ms: number;
}

export interface PreviewImage {
  readonly index: number;
  readonly fileName: string;
  readonly height: number;
  readonly width: number;
  readonly prediction: Prediction;
  readonly truth: ImageTruth;
}

/** The right answer: one label per image, or one per box; boxes in pixels of the picture. */
export interface ImageTruth {
  readonly labels: readonly number[];
  readonly boxes: readonly (readonly [x: number, y: number, width: number, height: number])[];
}

export interface DataRequest {
  readonly recipe: string;
  readonly overrides?: readonly string[] | undefined;
  readonly places?: Places | undefined;
}

export interface DataDescription {
  readonly classes: readonly string[];
  /** train, val, and test where the recipe has one. */
  readonly splits: Readonly<Record<string, SplitDescription>>;
}

export interface SplitDescription {
  readonly source: string;
  readonly format: string;
  readonly digest: string;
  readonly images: number;
  /** By class: images for classification, objects otherwise. */
  readonly examplesPerClass: readonly number[];
  /** Images that the annotations alone rule out, and the first reasons. */
  readonly setAside: number;
  readonly problems: readonly { readonly fileName: string; readonly code: string; readonly reason: string }[];
}

/** What was picked, as a recipe names it. */
export interface DataArrangement {
  /** Keys of the recipe's data section; null: the key goes. */
  readonly data: Readonly<Record<string, string | null>>;
  /** What the annotations are good for: boxes, or one class per picture. */
  readonly task: 'classification' | 'detection';
  /** There was no validation split: one in five pictures was put aside for it. */
  readonly split: boolean;
  /** Pictures that were left out because they can't be read. */
  readonly setAside: readonly { readonly fileName: string; readonly reason: string }[];
}

export interface DataImage {
  readonly index: number;
  readonly fileName: string;
  readonly truth: ImageTruth;
  /** The file as it is. */
  readonly picture: Blob;
}

export interface PredictRequest {
  /** Run folder, model folder, mount path or hub id. */
  readonly model: string;
  readonly places?: Places | undefined;
  readonly device?: DeviceChoice | undefined;
  readonly threshold?: number | undefined;
}

export interface PredictResult {
  readonly classes: readonly string[];
  /** What computes, for people. */
  readonly runtime: string;
  /** One per picture, in pixels of the picture; a picture that can't be read is an error of the call. */
  readonly predictions: readonly Prediction[];
  /** What there is to know beside them, for people. */
  readonly warnings: readonly string[];
  /** From decoded pictures to predictions, without the time to open the model. */
  readonly ms: number;
}

/** What a run got wrong, from the predictions that it left. */
export interface InspectRequest {
  /** The run folder. */
  readonly run: string;
  /** val */
  readonly split?: SplitName | undefined;
  /** Left out: those that the run index kept. */
  readonly places?: Places | undefined;
}

export type Inspection = ClassificationInspection | DetectionInspection;

interface InspectionOfRun {
  readonly run: string;
  readonly split: SplitName;
  readonly classes: readonly string[];
}

export interface ClassificationInspection extends InspectionOfRun {
  readonly kind: 'classification';
  readonly multiLabel: boolean;
  readonly right: number;
  readonly wrong: number;
  readonly perClass: readonly {
    readonly name: string;
    /** Images that have it. */
    readonly support: number;
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    readonly averagePrecision: number | null;
  }[];
  /** [classes × classes], rows are the truth; missing with several labels per image. */
  readonly confusion?: readonly number[];
  /** Highest loss first. */
  readonly images: readonly {
    /** Position in the split. */
    readonly index: number;
    readonly fileName: string;
    readonly truth: readonly number[];
    readonly predicted: readonly number[];
    readonly right: boolean;
    /** Cross entropy of this image. */
    readonly loss: number;
  }[];
}

export interface DetectionInspection extends InspectionOfRun {
  readonly kind: 'detection';
  /** Counts below are of detections with at least this score: where F1 is largest. */
  readonly scoreThreshold: number;
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
  /** Why false detections are false. */
  readonly falsePositives: Readonly<Record<string, number>>;
  readonly missed: number;
  readonly perClass: readonly {
    readonly name: string;
    readonly objects: number;
    /** COCO: IoU 0.50 to 0.95; null where the class has no objects. */
    readonly averagePrecision: number | null;
    readonly averagePrecision50: number | null;
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
  }[];
  /** [classes + 1 × classes + 1], rows are the truth; the last row and column are "nothing". */
  readonly confusion: readonly number[];
  /** Worst first. */
  readonly images: readonly {
    readonly index: number;
    readonly fileName: string;
    readonly objects: number;
    readonly found: number;
    readonly falseDetections: number;
    readonly missed: number;
    readonly f1: number;
  }[];
}

export interface InspectedImage extends DataImage {
  /** All detections, without a threshold. */
  readonly prediction: Prediction;
}

export interface EvaluateRun {
  readonly model: string;
  readonly recipe: string;
  readonly split?: SplitName | undefined;
  /** Left out: those that the run index kept for `out`. */
  readonly places?: Places | undefined;
  readonly device?: DeviceChoice | undefined;
  /** Where predictions and report go: the run's own folder, usually. */
  readonly out?: string | undefined;
}

export interface FileListing {
  readonly path: string;
  readonly size: number;
}

/** A run folder of elsewhere, as it was picked. */
export interface ImportRequest {
  /** What was picked is called so. */
  readonly name: string;
  readonly source: MountSource;
}

export interface ImportProgress {
  /** Copied so far. */
  readonly bytes: number;
  /** Missing while the folder is looked at. */
  readonly total: number | undefined;
}

export interface ImportedRun {
  /** Its folder here. */
  readonly run: string;
  readonly name: string;
  /** It was here already, in the same state: nothing was copied. */
  readonly known: boolean;
  readonly bytes: number;
  /** What is otherwise than in the folder, as sentences. */
  readonly notes: readonly string[];
}

/** What a run's recipe names, and this page can't read yet. */
export interface MissingData {
  readonly folders: readonly MissingFolder[];
  /** In clouds and on servers that the page has no keys for. */
  readonly closed: readonly { readonly key: string; readonly place: string }[];
}

/** A folder to pick: it will be read at this path. */
export interface MissingFolder {
  readonly path: string;
  /** Keys of the recipe that need it. */
  readonly keys: readonly string[];
  /** What has to be in it; empty: the pictures themselves. */
  readonly expected: readonly string[];
}

/** A run as MLflow has it. */
export interface PushedRun {
  readonly url: string;
  readonly runId: string;
  readonly experimentId: string;
  readonly registeredVersion?: string;
}

/** What was copied to a place. */
export interface SavedFiles {
  readonly files: number;
  readonly bytes: number;
}

export interface PlaceListing {
  /** Ascending, relative to the place. */
  readonly entries: readonly FileListing[];
  /** Whether there are more than were asked for. */
  readonly more: boolean;
}

export type EventListener = (event: RunEvent) => void;

/** The worker's side, as the page sees it through Comlink. */
export interface TrainingService {
  /** Values for what reads environment variables in Node: `HF_ENDPOINT`, …. No tokens. */
  configure(environment: Readonly<Record<string, string>>): Promise<void>;
  /** What this browser offers for tensor work. */
  probe(): Promise<EngineReport>;

  start(request: StartRequest, listener: EventListener): Promise<RunResult>;
  resume(request: ResumeRequest, listener: EventListener): Promise<RunResult>;
  /** Saves a checkpoint and stands still after the current step. */
  pause(): Promise<void>;
  /** Goes on after `pause`. */
  proceed(): Promise<void>;
  /** Saves a checkpoint and ends the run; `resume` goes on from there. */
  stop(): Promise<void>;
  /** Waits for the end of the current step. */
  preview(request?: PreviewRequest): Promise<PreviewResult>;

  /** Finds splits and annotations in a folder that was picked. */
  arrangeData(folder: string, places?: Places): Promise<DataArrangement>;
  /** Opens the data of a recipe and says what is in it. Problems of the files are DataErrors. */
  describeData(request: DataRequest): Promise<DataDescription>;
  /** Images of the data that was opened last, by `describeData` or by a run. */
  dataImages(split: SplitName, indices: readonly number[]): Promise<DataImage[]>;

  evaluate(request: EvaluateRun, listener: EventListener): Promise<EvaluateResult>;
  /**
   * Bitmaps are frames of a camera: they need not be decoded, and are closed afterwards. The model stays open until
   * another is asked for or something else needs the device.
   */
  predict(request: PredictRequest, pictures: readonly (Blob | ImageBitmap)[]): Promise<PredictResult>;
  /** Confusion, numbers per class and images in order of how wrong they are; no device is needed. */
  inspect(request: InspectRequest): Promise<Inspection>;
  /** Pictures of what was inspected last, with truth and prediction. */
  inspectedImages(indices: readonly number[]): Promise<InspectedImage[]>;
  export(run: string, options?: Omit<ExportRunOptions, 'signal'>): Promise<ExportResult>;

  /** Everything below a folder, ascending. */
  listFiles(folder: string, places?: Places): Promise<FileListing[]>;
  readFile(path: string): Promise<Blob>;
  writeFile(path: string, content: Blob): Promise<void>;
  /** A folder as a zip archive, stored without compression: weights don't shrink. */
  zipFolder(folder: string): Promise<Blob>;
  /**
   * Copies a run folder of elsewhere into this browser, whole or not at all. One at a time.
   *
   * @returns undefined when it was cancelled
   */
  importRun(
    request: ImportRequest,
    listener: (progress: ImportProgress) => void,
  ): Promise<ImportedRun | undefined>;
  cancelImport(): Promise<void>;
  /** What tabs have left that were closed while they copied a run. */
  removeUnfinishedImports(): Promise<void>;
  /** What a run that was trained elsewhere reads, and is not open here. */
  missingData(run: string): Promise<MissingData>;
  /** Opens it: what was picked stands for a folder that is missing. Returns what still is. */
  giveData(run: string, path: string, source: MountSource): Promise<MissingData>;
  /** Removes a run with all its files. */
  removeRun(run: string): Promise<void>;

  /** Sends a run to MLflow (`MLFLOW_TRACKING_URI`, else the recipe's); sending twice adds nothing. */
  push(run: string): Promise<PushedRun>;
  /** Copies a folder (a run, its `model`) to a place that can be written: `/Volumes/…` through a gateway. */
  saveTo(folder: string, place: string): Promise<SavedFiles>;
  /** The first files below a place, `limit` at most (1000). */
  listPlace(place: string, limit?: number): Promise<PlaceListing>;

  storage(): Promise<StorageReport>;
  /** Throws away caches until that many bytes are free; returns what was gained. */
  makeRoom(bytes: number): Promise<number>;
}
