/** One picture with what the model says about it, and how long that took. */
import type { Places, Prediction, TrainingClient } from '../../../client/index.ts';
import { Icon } from '../../design/icon.tsx';
import { Meter } from '../../design/meter.tsx';
import { Picture } from '../../design/picture.tsx';
import { numberOf } from '../../format.ts';
import { wordsOf } from '../../notices.ts';
import { above } from '../../results/above.ts';

interface Shown {
  readonly key: number;
  readonly name: string;
  readonly picture?: Blob;
}

export type Tried = Shown &
  (
    | { readonly state: 'waiting' }
    | { readonly state: 'failed'; readonly error: unknown }
    | {
        readonly state: 'there';
        readonly prediction: Prediction;
        readonly classes: readonly string[];
        readonly runtime: string;
        readonly ms: number;
        readonly warnings: readonly string[];
      }
  );

/** Weaker detections are not even asked for; the slider moves above it. */
export const lowestThreshold = 0.05;

const mostLabels = 5;

/** A picture that can't be read, or a model that can't be opened, is told in the picture's place. */
export async function predictPicture(
  client: TrainingClient,
  { model, places }: { readonly model: string; places?(): Promise<Places> },
  { key, name, picture }: Shown,
): Promise<Tried> {
  const shown: Shown = { key, name, ...(picture ? { picture } : {}) };
  if (!picture) return { ...shown, state: 'waiting' };
  try {
    const mounted = await places?.();
    const request = { model, threshold: lowestThreshold, ...(mounted ? { places: mounted } : {}) };
    const { predictions, classes, runtime, ms, warnings } = await client.worker.predict(request, [picture]);
    return { ...shown, state: 'there', prediction: predictions[0]!, classes, runtime, ms, warnings };
  } catch (error) {
    return { ...shown, state: 'failed', error };
  }
}

export function TriedPicture({ tried, threshold }: { readonly tried: Tried; readonly threshold: number }) {
  if (tried.state === 'failed') {
    const { title, text, why } = wordsOf(tried.error);
    return (
      <article class="try-result failed">
        <div class="try-failure">
          <Icon name="error" size={22} />
          <strong>{title}</strong>
        </div>
        <div>
          <h3>{tried.name}</h3>
          <p class="small">{text}</p>
          {why ? <p class="soft small">{why}</p> : undefined}
        </div>
      </article>
    );
  }
  const there = tried.state === 'there' ? tried : undefined;
  const detection = there?.prediction.task === 'detection' ? above(there.prediction, threshold) : undefined;
  return (
    <article class="try-result" aria-busy={!there}>
      <Picture blob={tried.picture} name={tried.name} classes={there?.classes ?? []} prediction={detection} />
      <div class="stack">
        <h3>{tried.name}</h3>
        {there ? (
          <>
            <Labels prediction={detection ?? there.prediction} classes={there.classes} />
            <p class="soft small number">
              {numberOf(there.ms)} ms · {there.runtime}
            </p>
            {there.warnings.map((warning) => (
              <p key={warning} class="soft small">
                {warning}
              </p>
            ))}
          </>
        ) : (
          <p class="soft">Looking…</p>
        )}
      </div>
    </article>
  );
}

/** The likeliest classes with their scores, or what was found and how often. */
export function Labels({
  prediction,
  classes,
}: {
  readonly prediction: Prediction;
  readonly classes: readonly string[];
}) {
  const nameOf = (label: number): string => classes[label] ?? `class ${label}`;
  if (prediction.task === 'detection') {
    const { labels, scores } = prediction.value;
    if (labels.length === 0) return <p>Nothing found above the threshold.</p>;
    const rows = Array.from(labels, (label, i) => ({ name: nameOf(label), score: scores[i]! }))
      .sort((a, b) => b.score - a.score)
      .slice(0, 12);
    return (
      <ol class="plain try-labels">
        {rows.map(({ name, score }, i) => (
          <Label key={i} name={name} score={score} />
        ))}
      </ol>
    );
  }
  if (prediction.task !== 'classification') return <p>This task has no picture here yet.</p>;
  const rows = Array.from(prediction.value.scores, (score, label) => ({ name: nameOf(label), score }))
    .sort((a, b) => b.score - a.score)
    .slice(0, mostLabels);
  return (
    <ol class="plain try-labels">
      {rows.map(({ name, score }) => (
        <Label key={name} name={name} score={score} />
      ))}
    </ol>
  );
}

function Label({ name, score }: { readonly name: string; readonly score: number }) {
  return (
    <li>
      <span>{name}</span>
      <Meter label={`Score of ${name}`} value={score} />
      <span class="number">{Math.round(score * 100)} %</span>
    </li>
  );
}
