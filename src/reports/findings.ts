/** Sentences that say what stands out in an evaluation: what an engineer would look for first. */
import { counted, grouped } from '../core/index.ts';
import {
  type ClassificationErrors,
  type CocoEvaluation,
  type DetectionErrors,
  type FalsePositiveKind,
  objectSizes,
} from '../metrics/index.ts';
import { number, percent } from './format.ts';
import { type History, metricPoints } from './history.ts';

const kindSentences: Readonly<Record<FalsePositiveKind, string>> = {
  duplicate: 'are second detections of an object that was already found',
  confusion: 'are objects with the wrong class',
  localisation: 'are badly placed boxes of the right class',
  both: 'are badly placed boxes of the wrong class',
  background: 'stand where nothing is',
};

export function detectionFindings(
  evaluation: CocoEvaluation,
  errors: DetectionErrors,
  name: (categoryId: number) => string,
): string[] {
  const findings: string[] = [];
  const map = evaluation.stats[0]!;
  if (map <= -1) return ['This split has no objects to find, so no average precision exists.'];
  const level = map < 0.3 ? 'low' : map < 0.5 ? 'moderate' : 'good';
  findings.push(
    `Overall quality is ${level}: mAP ${number(map)} over ${counted(evaluation.imageCount, 'image')}.`,
  );
  if (errors.falsePositives.total > 0) {
    const [kind, count] = Object.entries(errors.falsePositives.byKind).reduce((top, entry) =>
      entry[1] > top[1] ? entry : top,
    ) as [FalsePositiveKind, number];
    findings.push(
      `${percent(count / errors.falsePositives.total, 0)} of ${counted(errors.falsePositives.total, 'false detection')} ${kindSentences[kind]}.`,
    );
  }
  const recalls = objectSizes.flatMap((size) => {
    const { missed, truths } = errors.falseNegatives.bySize[size];
    return truths === 0 ? [] : [{ size, recall: 1 - missed / truths, truths }];
  });
  const weakest = recalls.reduce<(typeof recalls)[number] | undefined>(
    (low, row) => (!low || row.recall < low.recall ? row : low),
    undefined,
  );
  const strongest = recalls.reduce<(typeof recalls)[number] | undefined>(
    (high, row) => (!high || row.recall > high.recall ? row : high),
    undefined,
  );
  if (weakest && strongest && strongest.recall - weakest.recall > 0.1) {
    findings.push(
      `Of the ${weakest.size} objects ${percent(weakest.recall, 0)} are found, of the ${strongest.size} ones ${percent(strongest.recall, 0)}.`,
    );
  }
  const pair = errors.confusions[0];
  if (pair) {
    findings.push(
      `Most often confused: ${name(pair.truth)} is taken for ${name(pair.predicted)} (${counted(pair.count, 'time')}).`,
    );
  }
  const classes = evaluation.perCategory
    .filter((row) => row.values.AP! > -1)
    .toSorted((a, b) => a.values.AP! - b.values.AP!);
  if (classes.length > 1) {
    const low = classes[0]!;
    findings.push(
      `The weakest class is ${name(low.categoryId)} with AP ${number(low.values.AP)} on ${counted(low.annotations, 'object')}.`,
    );
  }
  return findings;
}

export function classificationFindings(
  errors: ClassificationErrors,
  name: (label: number) => string,
): string[] {
  const total = errors.right + errors.wrong;
  if (total === 0) return ['This split has no images.'];
  const findings = [
    `${grouped(errors.right)} of ${counted(total, 'image')} ${errors.right === 1 || total === 1 ? 'is' : 'are'} right (${percent(errors.right / total)}).`,
  ];
  const pair = errors.confusions[0];
  if (pair) {
    findings.push(
      `Most often confused: ${name(pair.truth)} is taken for ${name(pair.predicted)} (${counted(pair.count, 'time')}).`,
    );
  }
  const weakest = errors.perClass.filter((row) => row.support > 0).toSorted((a, b) => a.f1 - b.f1)[0];
  if (weakest && weakest.f1 < 1) {
    findings.push(
      `The weakest class is ${name(weakest.label)}: F1 ${number(weakest.f1)} on ${counted(weakest.support, 'image')}.`,
    );
  }
  if (errors.confidenceWrong !== null && errors.confidenceRight !== null) {
    findings.push(
      `The model is ${percent(errors.confidenceRight, 0)} sure when it is right and ${percent(errors.confidenceWrong, 0)} when it is wrong.`,
    );
  }
  return findings;
}

/** From the curves of the run: did it end where it was best, and did it still learn? */
export function trainingFindings(history: History): string[] {
  const findings: string[] = [];
  const losses = metricPoints(history, 'val_loss');
  if (losses.length >= 3) {
    const best = losses.reduce((low, point) => (point[1] < low[1] ? point : low));
    const last = losses.at(-1)!;
    // Smaller rises are the noise of a loss that has settled.
    if (last[1] > 1.2 * best[1] && best[0] < last[0]) {
      findings.push(
        `Validation loss was lowest at step ${grouped(best[0])} (${number(best[1])}) and ended at ${number(last[1])}: the model began to overfit.`,
      );
    } else if (best[0] === last[0]) {
      findings.push('Validation loss was still falling at the end: more epochs may help.');
    }
  }
  if (history.setAside > 0) {
    findings.push(setAsideSentence(history.setAside));
  }
  return findings;
}

export function setAsideSentence(images: number): string {
  return `${counted(images, 'image')} could not be read and ${images === 1 ? 'was' : 'were'} set aside.`;
}
