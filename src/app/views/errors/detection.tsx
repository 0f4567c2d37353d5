/** Mistakes of a detector: average precision per class, why false detections are false, pictures from worst to best. */
import { useState } from 'preact/hooks';
import type { DetectionInspection } from '../../../client/index.ts';
import { Card, Empty, Tiles } from '../../design/card.tsx';
import { BarChart } from '../../design/chart.tsx';
import { Field } from '../../design/field.tsx';
import { PictureKey } from '../../design/picture.tsx';
import { Table } from '../../design/table.tsx';
import { countOf, numberOf, shareOf } from '../../format.ts';
import { ConfusionMatrix } from './confusion.tsx';
import { Gallery } from './gallery.tsx';

const mostClasses = 40;

const kinds: Readonly<Record<string, string>> = {
  duplicate: 'second detection',
  confusion: 'wrong class',
  localisation: 'badly placed',
  both: 'wrong class, badly placed',
  background: 'nothing there',
};

export function Detection({ inspection }: { readonly inspection: DetectionInspection }) {
  const { classes, perClass, images, falsePositives, confusion, missed } = inspection;
  const [threshold, setThreshold] = useState(inspection.scoreThreshold);
  const falseTotal = Object.values(falsePositives).reduce((sum, count) => sum + count, 0);
  const numbers = new Map(images.map((image) => [image.index, image]));
  const orDash = (value: number | null): string => (value === null ? '–' : shareOf(value));
  return (
    <>
      <Tiles
        tiles={[
          {
            name: 'Precision',
            value: shareOf(inspection.precision),
            note: `score ≥ ${numberOf(inspection.scoreThreshold)}`,
          },
          { name: 'Recall', value: shareOf(inspection.recall), note: 'of all objects' },
          { name: 'False detections', value: countOf(falseTotal), note: 'IoU 0.5' },
          { name: 'Missed objects', value: countOf(missed), note: 'IoU 0.5' },
        ]}
      />
      <div class="grid errors-tables">
        <Card title="Class by class" lead="Average precision as COCO computes it.">
          <Table
            caption="Numbers per class"
            columns={[
              { title: 'Class' },
              { title: 'Objects', number: true },
              { title: 'AP', number: true },
              { title: 'AP 50', number: true },
              { title: 'Precision', number: true },
              { title: 'Recall', number: true },
            ]}
            rows={perClass.map((row) => ({
              key: row.name,
              cells: [
                row.name,
                countOf(row.objects),
                orDash(row.averagePrecision),
                orDash(row.averagePrecision50),
                shareOf(row.precision),
                shareOf(row.recall),
              ],
            }))}
          />
        </Card>
        <Card title="Why false detections are false">
          {falseTotal === 0 ? (
            <Empty title="There are none" />
          ) : (
            <BarChart
              title="False detections by kind"
              summary={Object.entries(falsePositives)
                .map(([kind, count]) => `${kinds[kind] ?? kind}: ${count}`)
                .join('; ')}
              labels={Object.keys(falsePositives).map((kind) => kinds[kind] ?? kind)}
              series={[{ name: 'detections', values: Object.values(falsePositives) }]}
            />
          )}
        </Card>
        {classes.length <= mostClasses ? (
          <Card title="What is taken for what" lead="The last row and column are “nothing”.">
            <ConfusionMatrix names={[...classes, 'nothing']} counts={confusion} chosen={undefined} />
          </Card>
        ) : undefined}
      </div>
      <Card
        title="Pictures, worst first"
        lead={<PictureKey />}
        actions={
          <Field label="Draw scores from" note={numberOf(threshold)}>
            {(bound) => (
              <input
                {...bound}
                type="range"
                min={0}
                max={1}
                step={0.01}
                value={threshold}
                onInput={({ currentTarget }) => setThreshold(Number(currentTarget.value))}
              />
            )}
          </Field>
        }
      >
        <Gallery
          indices={images.map(({ index }) => index)}
          classes={classes}
          threshold={threshold}
          note={(index) => {
            const { found = 0, falseDetections = 0, missed: lost = 0 } = numbers.get(index) ?? {};
            return `${found} found, ${falseDetections} false, ${lost} missed`;
          }}
        />
      </Card>
    </>
  );
}
