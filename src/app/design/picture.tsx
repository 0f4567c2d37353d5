/**
 * A picture with what is known of it drawn over: boxes of the truth (solid) and of a prediction (dashed), or labels below.
 * The browser decodes it beside the page's own thread; its room is kept from the start.
 */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ImageTruth, Prediction } from '../../client/index.ts';
import { Meter } from './meter.tsx';
import './picture.css';

export interface PictureProps {
  readonly blob: Blob | undefined;
  readonly name: string;
  readonly classes: readonly string[];
  readonly truth?: ImageTruth | undefined;
  readonly prediction?: Prediction | undefined;
  /** Whether boxes are what the model learns; otherwise the label stands below (as the prediction says, or true). */
  readonly boxed?: boolean;
  /** What will stand below, once it is known: its room is kept until then. */
  readonly expects?: 'label' | 'guess' | undefined;
  /** A line below. */
  readonly note?: ComponentChildren;
}

export function Picture({ blob, name, classes, truth, prediction, boxed, expects, note }: PictureProps) {
  const source = useObjectUrl(blob);
  const [size, setSize] = useState<{ width: number; height: number; of: Blob | undefined }>();
  const nameOf = (label: number): string => classes[label] ?? `class ${label}`;
  const boxes = (boxed ?? prediction?.task !== 'classification') ? boxesOf(truth, prediction, nameOf) : [];
  const known = size && size.of === blob ? size : undefined;
  return (
    <figure class="picture">
      <div class="picture-frame">
        {source ? (
          <img
            src={source}
            alt={altOf(name, boxes, truth, nameOf)}
            decoding="async"
            onLoad={({ currentTarget: { naturalWidth: width, naturalHeight: height } }) =>
              setSize({ width, height, of: blob })
            }
          />
        ) : undefined}
        {known && boxes.length > 0 ? (
          <Boxes boxes={boxes} width={known.width} height={known.height} />
        ) : undefined}
      </div>
      <PictureCaption
        truth={truth}
        prediction={prediction}
        nameOf={nameOf}
        hasBoxes={boxes.length > 0}
        expects={expects}
      />
      {note === undefined ? undefined : <p class="picture-note soft small">{note}</p>}
    </figure>
  );
}

/** A picture of the data with its truth, or the room of one that is being read. */
export function DataPicture({
  image,
  classes,
  boxed,
}: {
  readonly image:
    | { readonly picture: Blob; readonly fileName: string; readonly truth: ImageTruth }
    | undefined;
  readonly classes: readonly string[] | undefined;
  /** Whether boxes are what the model learns, or one label for the picture. */
  readonly boxed: boolean;
}) {
  return (
    <Picture
      blob={image?.picture}
      name={image?.fileName ?? 'A picture that is being read'}
      classes={classes ?? []}
      truth={image?.truth}
      boxed={boxed}
      expects={boxed ? undefined : 'label'}
    />
  );
}

/** What solid and dashed boxes mean. */
export function PictureKey() {
  return (
    <span class="picture-key">
      <span>
        <i /> truth
      </span>
      <span>
        <i class="prediction" /> prediction
      </span>
    </span>
  );
}

interface Box {
  readonly kind: 'truth' | 'prediction';
  readonly text: string;
  /** x, y, width, height in pixels of the picture. */
  readonly box: readonly [number, number, number, number];
}

/** Lines on top of the picture, and labels as text of the page: legible however small the picture is shown. */
export function Boxes({
  boxes,
  width,
  height,
}: {
  readonly boxes: readonly Box[];
  readonly width: number;
  readonly height: number;
}) {
  // The frame is a square in which the picture is centred.
  const side = Math.max(width, height);
  const percent = (pixels: number, length: number): string =>
    `${Math.min(97, Math.max(0, (100 * (pixels + (side - length) / 2)) / side))}%`;
  const labelled = boxes.some(({ kind }) => kind === 'prediction') ? 'prediction' : 'truth';
  return (
    <div aria-hidden="true">
      <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true" focusable="false">
        {boxes.map(({ kind, box: [x, y, w, h] }, i) => (
          <rect key={i} class={kind} x={x} y={y} width={w} height={h} vector-effect="non-scaling-stroke" />
        ))}
      </svg>
      {boxes.map(({ kind, text, box: [x, y] }, i) =>
        kind === labelled ? (
          <span
            key={i}
            class={`picture-label ${kind}`}
            style={{ left: percent(x, width), top: percent(y, height) }}
          >
            {text}
          </span>
        ) : undefined,
      )}
    </div>
  );
}

function PictureCaption({
  truth,
  prediction,
  nameOf,
  hasBoxes,
  expects,
}: Pick<PictureProps, 'truth' | 'prediction' | 'expects'> & {
  nameOf(label: number): string;
  readonly hasBoxes: boolean;
}) {
  if (prediction?.task === 'classification') {
    const { scores } = prediction.value;
    const best = bestOf(scores);
    const right = truth?.labels.includes(best);
    const score = scores[best] ?? 0;
    return (
      <figcaption class={expects}>
        <span class="picture-guess">
          <b class={right === undefined ? '' : right ? 'right' : 'wrong'}>{nameOf(best)}</b>
          <span class="number">{Math.round(score * 100)} %</span>
        </span>
        <Meter label={`Confidence in ${nameOf(best)}`} value={score} />
        {truth && right === false ? (
          <span class="soft small">is {truth.labels.map(nameOf).join(', ')}</span>
        ) : undefined}
      </figcaption>
    );
  }
  if (truth && !hasBoxes && !prediction) {
    return (
      <figcaption>
        {truth.labels.map(nameOf).join(', ') || <span class="soft">no annotation</span>}
      </figcaption>
    );
  }
  return expects ? <figcaption class={expects} /> : null;
}

/** The class with the highest score. */
export function bestOf(scores: Float32Array | Readonly<Record<number, number>>): number {
  let best = 0;
  for (const [label, score] of Object.entries(scores)) {
    if (score > (scores[best] ?? 0)) best = Number(label);
  }
  return best;
}

export function boxesOf(
  truth: ImageTruth | undefined,
  prediction: Prediction | undefined,
  nameOf: (label: number) => string,
): Box[] {
  const found: Box[] = [];
  truth?.boxes.forEach((box, i) => {
    found.push({ kind: 'truth', text: nameOf(truth.labels[i] ?? -1), box });
  });
  if (prediction?.task === 'detection') {
    const { boxes, labels, scores } = prediction.value;
    for (let i = 0; i < scores.length; i++) {
      const [x0, y0, x1, y1] = [0, 1, 2, 3].map((corner) => boxes[4 * i + corner]!) as [
        number,
        number,
        number,
        number,
      ];
      found.push({
        kind: 'prediction',
        text: `${nameOf(labels[i]!)} ${Math.round(scores[i]! * 100)} %`,
        box: [x0, y0, x1 - x0, y1 - y0],
      });
    }
  }
  return found;
}

function altOf(
  name: string,
  boxes: readonly Box[],
  truth: ImageTruth | undefined,
  nameOf: (label: number) => string,
): string {
  const said = boxes.length > 0 ? boxes.map(({ text }) => text) : (truth?.labels.map(nameOf) ?? []);
  return said.length > 0 ? `${name}: ${said.slice(0, 6).join(', ')}` : name;
}

/** A blob's address for as long as it is shown. */
export function useObjectUrl(blob: Blob | undefined): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (!blob) return setUrl(undefined);
    const made = URL.createObjectURL(blob);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [blob]);
  return url;
}
