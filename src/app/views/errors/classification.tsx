/** Mistakes of a classifier: confusion matrix, numbers per class, pictures by loss. */
import { useState } from 'preact/hooks';
import type { ClassificationInspection } from '../../../client/index.ts';
import { Button } from '../../design/button.tsx';
import { Card, Empty, Tiles } from '../../design/card.tsx';
import { Choice } from '../../design/field.tsx';
import { Table } from '../../design/table.tsx';
import { countOf, numberOf, shareOf } from '../../format.ts';
import { type Cell, ConfusionMatrix } from './confusion.tsx';
import { Gallery } from './gallery.tsx';

/** A larger matrix is a wall of cells. */
const mostClasses = 40;

export function Classification({ inspection }: { readonly inspection: ClassificationInspection }) {
  const { classes, confusion, perClass, images, right, wrong, multiLabel } = inspection;
  const [cell, setCell] = useState<Cell>();
  const [shown, setShown] = useState<'wrong' | 'all'>(wrong > 0 ? 'wrong' : 'all');
  const total = right + wrong;
  const listed = cell
    ? images.filter(({ truth, predicted }) => truth[0] === cell.truth && predicted[0] === cell.predicted)
    : shown === 'wrong'
      ? images.filter((image) => !image.right)
      : images;
  const lossOf = new Map(images.map(({ index, loss }) => [index, loss]));
  const meanLoss = images.reduce((sum, { loss }) => sum + loss, 0) / Math.max(1, images.length);
  const name = (label: number): string => classes[label] ?? `class ${label}`;
  return (
    <>
      <Tiles
        tiles={[
          { name: 'Right', value: total > 0 ? shareOf(right / total) : undefined },
          { name: 'Images', value: countOf(total) },
          { name: 'Wrong', value: countOf(wrong) },
          { name: 'Mean loss', value: numberOf(meanLoss) },
        ]}
      />
      <div class="grid errors-tables">
        {confusion && classes.length <= mostClasses ? (
          <Card title="What is taken for what" lead="Click a number to see its pictures.">
            <ConfusionMatrix names={classes} counts={confusion} chosen={cell} onChoose={setCell} />
          </Card>
        ) : undefined}
        <Card title="Class by class">
          <Table
            caption="Numbers per class"
            columns={[
              { title: 'Class' },
              { title: 'Images', number: true },
              { title: 'Precision', number: true },
              { title: 'Recall', number: true },
              { title: 'F1', number: true },
            ]}
            rows={perClass.map((row) => ({
              key: row.name,
              cells: [
                row.name,
                countOf(row.support),
                shareOf(row.precision),
                shareOf(row.recall),
                shareOf(row.f1),
              ],
            }))}
          />
        </Card>
      </div>
      <Card
        title={
          cell
            ? cell.truth === cell.predicted
              ? `${name(cell.truth)}, and said so`
              : `${name(cell.truth)} taken for ${name(cell.predicted)}`
            : shown === 'wrong'
              ? 'Wrong pictures'
              : 'All pictures'
        }
        lead={multiLabel ? 'Highest loss first; the most likely label is shown.' : 'Highest loss first.'}
        actions={
          cell ? (
            <Button size="small" icon="close" onClick={() => setCell(undefined)}>
              All of them
            </Button>
          ) : (
            <Choice
              legend="Pictures"
              value={shown}
              options={[
                { value: 'wrong', label: `Wrong (${wrong})` },
                { value: 'all', label: `All (${total})` },
              ]}
              onChange={(value) => setShown(value)}
            />
          )
        }
      >
        {listed.length === 0 ? (
          <Empty title="Nothing here: every picture is right" />
        ) : (
          <Gallery
            indices={listed.map(({ index }) => index)}
            classes={classes}
            note={(index) => `loss ${(lossOf.get(index) ?? 0).toFixed(3)}`}
          />
        )}
      </Card>
    </>
  );
}
