/** What of an answer is shown, and how it reads. The answer holds everything; these settings only choose. */
import { ConfigError } from '../../core/index.ts';
import type { Answer, Finding } from '../protocol.ts';
import type { Settings } from './settings.ts';

type Choice = Pick<Settings, 'threshold' | 'topK' | 'labels'>;

/** Objects need a likely class; a classification always has its best classes. */
const objectThreshold = 0.5;

/** Best first. Classes: the best `topK`; objects and masks: all above the threshold. */
export function chosenFindings(answer: Answer, { threshold, topK, labels }: Choice): Finding[] {
  const places = answer.findings.some(({ box, mask }) => box ?? mask);
  const lowest = threshold ?? (places ? objectThreshold : 0);
  const wanted = wantedNames(labels);
  const chosen = answer.findings
    // As everywhere in the house: strictly above.
    .filter(({ score }) => score === undefined || score > lowest || (lowest === 0 && !places))
    .filter(({ label }) => wanted.size === 0 || namesOf(label).some((name) => wanted.has(name)))
    .toSorted((a, b) => (b.score ?? 1) - (a.score ?? 1));
  return places ? chosen : chosen.slice(0, topK);
}

const wantedNames = (labels: readonly string[]): ReadonlySet<string> =>
  new Set(labels.map((label) => label.toLowerCase()));

/**
 * What a class may be called in `labels`. Those of ImageNet are lists, "tench, Tinca tinca", and an attribute that is a list
 * itself can't hold them whole: each of the names means the class.
 */
function namesOf(label: string): string[] {
  const whole = label.toLowerCase();
  return [whole, ...whole.split(',').map((name) => name.trim())];
}

/** Labels of which a model knows none show nothing for ever: that is hardly meant. */
export function unknownLabels(
  labels: readonly string[],
  classes: readonly string[],
): ConfigError | undefined {
  const wanted = wantedNames(labels);
  const isKnown = (label: string): boolean => namesOf(label).some((name) => wanted.has(name));
  if (labels.length === 0 || classes.length === 0 || classes.some(isKnown)) return undefined;
  const some = classes.slice(0, 20).join(', ');
  return new ConfigError({
    code: 'labels_unknown',
    expected: `the attribute labels to name classes of the model: ${some}${classes.length > 20 ? ', …' : ''}`,
    received: labels.join(', ').slice(0, 100),
    fix: 'correct the attribute, or leave it out to see all classes',
  });
}

export const percent = (score: number | undefined): string =>
  score === undefined ? '' : `${(score * 100).toFixed(score > 0.995 || score < 0.1 ? 1 : 0)} %`;

/** One sentence for people who don't see the picture. */
export function summary(answer: Answer, findings: readonly Finding[]): string {
  if (answer.picture) return 'The model made a picture.';
  if (answer.output !== undefined) return `The model says: ${outputText(answer.output)}`;
  if (findings.length === 0) {
    return answer.findings.length > 0 ? 'Nothing above the threshold.' : 'Nothing found.';
  }
  const named = findings.slice(0, 5).map(({ label, score }) => `${label} ${percent(score)}`.trim());
  const rest = findings.length > 5 ? ` and ${findings.length - 5} more` : '';
  const objects = findings.some(({ box }) => box);
  return `${objects ? `${findings.length} found: ` : ''}${named.join(', ')}${rest}.`;
}

/** Text that a pipeline wrote, else its values, shortened. */
export function outputText(output: unknown): string {
  const text = (output as { generated_text?: unknown } | undefined)?.generated_text;
  if (typeof text === 'string') return text;
  const first = Array.isArray(output) ? (output as unknown[])[0] : undefined;
  if (first !== undefined && first !== output) return outputText(first);
  const { shape } = (output ?? {}) as { shape?: readonly number[] };
  if (shape) return `numbers of shape ${shape.join(' × ')}`;
  return (JSON.stringify(output) ?? '').slice(0, 300);
}
