/** Pictures with truth and prediction, a page at a time: they are asked of the worker when they are to be seen. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { InspectedImage } from '../../../client/index.ts';
import { Button } from '../../design/button.tsx';
import { Picture } from '../../design/picture.tsx';
import { above } from '../../results/above.ts';
import { useApp } from '../../state.ts';

const perPage = 24;

export function Gallery({
  indices,
  classes,
  threshold = 0,
  note,
}: {
  /** Positions in the split, in the order in which they are shown. */
  readonly indices: readonly number[];
  readonly classes: readonly string[];
  /** Detections with a score below it are not drawn. */
  readonly threshold?: number;
  /** A line below a picture. */
  readonly note: (index: number) => ComponentChildren;
}) {
  const { client, notices } = useApp();
  const [pages, setPages] = useState(1);
  const [known, setKnown] = useState<ReadonlyMap<number, InspectedImage>>(new Map());
  const shown = indices.slice(0, pages * perPage);
  useEffect(() => setPages(1), [indices.join()]);
  useEffect(() => {
    const missing = shown.filter((index) => !known.has(index));
    if (missing.length === 0) return;
    client.worker.inspectedImages(missing).then(
      (images) =>
        setKnown((before) => new Map([...before, ...images.map((image) => [image.index, image] as const)])),
      (error: unknown) => notices.report(error),
    );
  }, [shown.join()]);
  return (
    <div class="stack">
      <div class="pictures">
        {shown.map((index) => {
          const image = known.get(index);
          return (
            <div key={index} class="errors-picture">
              <Picture
                blob={image?.picture}
                name={image?.fileName ?? 'Picture'}
                classes={classes}
                truth={image?.truth}
                prediction={image && above(image.prediction, threshold)}
                note={note(index)}
              />
            </div>
          );
        })}
      </div>
      {shown.length < indices.length ? (
        <div class="row">
          <Button onClick={() => setPages(pages + 1)}>
            Show more ({indices.length - shown.length} left)
          </Button>
        </div>
      ) : undefined}
    </div>
  );
}
