/**
 * Pictures with what is true and what was predicted drawn over them, as SVG on top of the embedded picture: crisp at
 * any size, and each layer can be switched off. Truth is drawn solid, predictions dashed, so that colour is not
 * the only difference.
 */
import type { ClassMap } from '../core/index.ts';
import type { DetectionColumns, TruthColumns } from '../metrics/index.ts';
import { percent } from './format.ts';
import { base64, html, type SafeHtml } from './html.ts';
import type { ReportImage, ReportPicture } from './types.ts';

function dataUri({ bytes, mediaType }: ReportPicture): string {
  return `data:${mediaType};base64,${base64(bytes)}`;
}

/** More boxes than this would hide the picture. */
const mostBoxes = 60;

export interface DetectionPicture {
  readonly image: ReportImage;
  readonly picture: ReportPicture;
  readonly truth: TruthColumns;
  readonly detections: DetectionColumns;
  readonly scoreThreshold: number;
  readonly classes: ClassMap;
  /** One line below the picture. */
  readonly verdict: string;
}

export function detectionPicture(options: DetectionPicture): SafeHtml {
  const { image, picture, truth, detections, classes, scoreThreshold, verdict } = options;
  const name = (categoryId: number): string =>
    classes.categories.find((category) => category.id === categoryId)?.name ?? `category ${categoryId}`;
  const kept = Array.from(detections.scores, (_, i) => i)
    .filter((i) => detections.scores[i]! >= scoreThreshold)
    .sort((a, b) => detections.scores[b]! - detections.scores[a]!)
    .slice(0, mostBoxes);
  const unit = Math.max(image.width, image.height) / 100;
  const box = (boxes: ArrayLike<number>, i: number, kind: string, label: string): SafeHtml => {
    const [x, y, width, height] = [0, 1, 2, 3].map((side) => boxes[4 * i + side]!) as [
      number,
      number,
      number,
      number,
    ];
    const textY =
      kind === 'truth'
        ? Math.min(y + height + 3.4 * unit, image.height - unit)
        : Math.max(y - unit, 3 * unit);
    return html`<g class="${kind}"><rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" stroke-width="${(unit * 0.6).toFixed(2)}"${
      kind === 'prediction' ? html` stroke-dasharray="${(unit * 2).toFixed(2)} ${unit.toFixed(2)}"` : html``
    }/><text x="${x.toFixed(1)}" y="${textY.toFixed(1)}" font-size="${(3.3 * unit).toFixed(1)}" stroke-width="${(unit * 0.5).toFixed(2)}">${label}</text></g>`;
  };
  const truths = Array.from({ length: truth.count }, (_, g) => g);
  const spoken = [
    `True: ${counted(truths.map((g) => name(truth.categoryIds[g]!)))}.`,
    `Predicted: ${counted(kept.map((i) => name(detections.categoryIds[i]!)))}.`,
  ].join(' ');
  return html`<figure class="picture">
    <div class="frame" style="aspect-ratio: ${image.width} / ${image.height}">
      <img src="${dataUri(picture)}" alt="${`${image.fileName}. ${spoken}`}" loading="lazy">
      <svg viewBox="0 0 ${image.width} ${image.height}" preserveAspectRatio="none" aria-hidden="true">
        ${truths.slice(0, mostBoxes).map((g) => box(truth.boxes!, g, 'truth', shortened(name(truth.categoryIds[g]!))))}
        ${kept.map((i) =>
          box(
            detections.boxes!,
            i,
            'prediction',
            `${shortened(name(detections.categoryIds[i]!))} ${percent(detections.scores[i], 0)}`,
          ),
        )}
      </svg>
    </div>
    <figcaption><strong>${image.fileName}</strong><span>${verdict}</span></figcaption>
  </figure>`;
}

export interface ClassPicture {
  readonly image: ReportImage;
  readonly picture: ReportPicture;
  readonly truth: readonly string[];
  readonly predicted: readonly { readonly name: string; readonly score: number }[];
  readonly right: boolean;
}

export function classPicture({ image, picture, truth, predicted, right }: ClassPicture): SafeHtml {
  const verdict = right ? 'right' : 'wrong';
  return html`<figure class="picture">
    <div class="frame" style="aspect-ratio: ${image.width} / ${image.height}">
      <img src="${dataUri(picture)}" alt="${`${image.fileName}. True: ${truth.join(', ') || 'nothing'}. Predicted: ${predicted.map((row) => row.name).join(', ') || 'nothing'}.`}" loading="lazy">
      <span class="badge ${verdict}">${right ? '✓ right' : '✕ wrong'}</span>
    </div>
    <figcaption><strong>${image.fileName}</strong>
      <span>true: ${truth.join(', ') || 'nothing'}</span>
      ${predicted.map(
        (row) =>
          html`<span class="score"><i style="width: ${(100 * row.score).toFixed(1)}%"></i><b>${row.name}</b> ${percent(row.score, 0)}</span>`,
      )}
    </figcaption>
  </figure>`;
}

/** "2 × cat, dog" */
function counted(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return (
    [...counts].map(([name, count]) => (count > 1 ? `${count} × ${name}` : name)).join(', ') || 'nothing'
  );
}

function shortened(text: string): string {
  return text.length <= 16 ? text : `${text.slice(0, 15)}…`;
}
