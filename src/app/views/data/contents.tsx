/** What is in the data of the recipe: counts, balance of the classes, pictures with their annotations, problems. */
import { useEffect, useState } from 'preact/hooks';
import type { DataDescription } from '../../../client/index.ts';
import type { SplitName } from '../../../core/index.ts';
import { shownPictures } from '../../described.ts';
import { Button } from '../../design/button.tsx';
import { Card, Tiles } from '../../design/card.tsx';
import { BarChart } from '../../design/chart.tsx';
import { Choice } from '../../design/field.tsx';
import { NoticeBox } from '../../design/notice-list.tsx';
import { DataPicture } from '../../design/picture.tsx';
import { Table } from '../../design/table.tsx';
import { countOf } from '../../format.ts';
import { wordsOf } from '../../notices.ts';
import { goTo } from '../../route.ts';
import { useApp } from '../../state.ts';

export function DataContents() {
  const { data, setup } = useApp();
  const { status, description, error } = data.now.value;
  const problems = setup.reading.value?.problems ?? [];
  if (problems.length > 0) {
    return (
      <NoticeBox
        notice={{
          tone: 'error',
          title: 'The recipe has to be mended before its data can be read',
          actions: [{ label: 'Open the recipe', run: () => goTo('recipe') }],
        }}
      />
    );
  }
  if (status === 'failed') {
    return (
      <div role="alert">
        <NoticeBox notice={{ tone: 'error', ...wordsOf(error) }} />
      </div>
    );
  }
  return (
    <div class="stack" aria-busy={status !== 'ready'}>
      <Counts description={description} />
      <div class="data-body">
        <Balance description={description} />
        <Pictures description={description} />
      </div>
      <Problems description={description} />
    </div>
  );
}

type Part = { readonly description: DataDescription | undefined };

function Counts({ description }: Part) {
  const { train, val, test } = description?.splits ?? {};
  const aside = Object.values(description?.splits ?? {}).reduce((sum, split) => sum + split.setAside, 0);
  return (
    <Tiles
      tiles={[
        { name: 'Classes', value: description && countOf(description.classes.length) },
        { name: 'Training pictures', value: train && countOf(train.images), note: train?.format ?? '' },
        { name: 'Validation pictures', value: val && countOf(val.images), note: val?.format ?? '' },
        ...(test ? [{ name: 'Test pictures', value: countOf(test.images), note: test.format }] : []),
        {
          name: 'Set aside',
          value: description && countOf(aside),
          note: aside > 0 ? 'broken or missing' : '',
        },
      ]}
    />
  );
}

/** More classes than this are not told apart in a chart. */
const shownClasses = 30;

function Balance({ description }: Part) {
  const { train, val } = description?.splits ?? {};
  if (!description || !train) {
    return (
      <Card title="Balance of the classes">
        <div class="data-waiting" aria-busy="true" />
      </Card>
    );
  }
  const order = train.examplesPerClass
    .map((count, label) => ({ count, label }))
    .sort((a, b) => b.count - a.count)
    .slice(0, shownClasses);
  const hidden = description.classes.length - order.length;
  return (
    <Card
      title="Balance of the classes"
      lead={hidden > 0 ? `The ${shownClasses} most frequent of ${description.classes.length}` : undefined}
    >
      <BarChart
        title="Examples of each class"
        summary={order.map(({ count, label }) => `${description.classes[label]} ${count}`).join(', ')}
        labels={order.map(({ label }) => description.classes[label] ?? String(label))}
        series={[
          { name: 'training', values: order.map(({ count }) => count) },
          ...(val
            ? [{ name: 'validation', values: order.map(({ label }) => val.examplesPerClass[label] ?? 0) }]
            : []),
        ]}
        format={countOf}
      />
    </Card>
  );
}

function Pictures({ description }: Part) {
  const { data, setup, notices } = useApp();
  const [split, setSplit] = useState<SplitName>('train');
  const [from, setFrom] = useState(0);
  const shown = data.now.value.images[split] ?? [];
  const total = description?.splits[split]?.images ?? 0;
  const boxed = setup.reading.value?.recipe?.model.task_type !== 'classification';
  const show = (next: SplitName, start: number): void => {
    setSplit(next);
    setFrom(start);
    void data.show(next, start).catch((error: unknown) => notices.report(error));
  };
  // Other data begins with its first training pictures.
  useEffect(() => {
    if (description) show('train', 0);
  }, [description]);
  return (
    <Card
      title="Pictures and what is known of them"
      actions={
        <Choice
          legend="Split"
          value={split}
          options={Object.keys(description?.splits ?? { train: 0 }).map((name) => ({
            value: name as SplitName,
            label: { train: 'Training', val: 'Validation', test: 'Test' }[name] ?? name,
          }))}
          onChange={(next) => show(next, 0)}
        />
      }
    >
      <div class="pictures">
        {Array.from({ length: shownPictures }, (_, i) => {
          const image = shown[i];
          if (!image && description && i >= shown.length && from + i >= total) return undefined;
          return <DataPicture key={i} image={image} classes={description?.classes} boxed={boxed} />;
        })}
      </div>
      <div class="row apart data-pages">
        <Button
          size="small"
          disabled={from === 0}
          onClick={() => show(split, Math.max(0, from - shownPictures))}
        >
          Back
        </Button>
        <span class="soft small number" role="status">
          {total > 0
            ? `${countOf(from + 1)} to ${countOf(Math.min(total, from + shownPictures))} of ${countOf(total)}`
            : ' '}
        </span>
        <Button
          size="small"
          disabled={from + shownPictures >= total}
          onClick={() => show(split, from + shownPictures)}
        >
          More
        </Button>
      </div>
    </Card>
  );
}

function Problems({ description }: Part) {
  const rows = Object.entries(description?.splits ?? {}).flatMap(([split, { problems }]) =>
    problems.map((problem) => ({ split, ...problem })),
  );
  if (rows.length === 0) return null;
  return (
    <Card
      title="Pictures that were set aside"
      lead="Training goes on without them; above a share of 5 % it stops"
    >
      <Table
        caption="Pictures that were set aside"
        columns={[{ title: 'Split' }, { title: 'File' }, { title: 'Why' }]}
        rows={rows.map(({ split, fileName, reason }) => ({
          key: `${split}/${fileName}`,
          cells: [split, <code key="file">{fileName}</code>, reason],
        }))}
      />
    </Card>
  );
}
