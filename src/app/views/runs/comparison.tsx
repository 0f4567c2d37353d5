/** Runs side by side: curves over each other, last metrics and settings that differ. */
import { useEffect, useState } from 'preact/hooks';
import type { RunRecord } from '../../../client/index.ts';
import { isLoss, partsOf } from '../../class-metrics.ts';
import { type Curve, type Curves, topOfShares } from '../../curves.ts';
import { Card, Empty } from '../../design/card.tsx';
import { type ChartSeries, LineChart } from '../../design/chart.tsx';
import { Field } from '../../design/field.tsx';
import { Table } from '../../design/table.tsx';
import { countOf, durationOf, metricName, metricOf, numberOf } from '../../format.ts';
import { bestOf } from '../../results/best.ts';
import { differences, haveSameClasses, type RunHistory, readHistory } from '../../results/history.ts';
import { startOf } from '../../results/runs.ts';
import { useApp } from '../../state.ts';

export function Comparison({ records }: { readonly records: readonly RunRecord[] }) {
  const histories = useHistories(records);
  const names = namesOf(records);
  const metrics = [...new Set(histories.flatMap(({ curves }) => [...curves.metrics.keys()]))].filter(
    (name) => !variants.test(partsOf(name).measure),
  );
  // Until they are read the cards have the room that they will take.
  const reading = histories.length === 0;
  const [asked, setMetric] = useState<string>();
  const metric = asked !== undefined && metrics.includes(asked) ? asked : firstMetric(metrics);
  const seriesOf = (pick: (curves: Curves) => Curve | undefined, dots = false): ChartSeries[] =>
    histories.flatMap(({ curves, record }) => {
      const points = pick(curves)?.points ?? [];
      const at = records.findIndex(({ run }) => run === record.run);
      return points.length === 0 ? [] : [{ name: names[at]!, points: [...points], dots, colour: at }];
    });
  const losses = seriesOf(({ loss }) => loss);
  const measured = metric === undefined ? [] : seriesOf((curves) => curves.metrics.get(metric), true);
  return (
    <>
      <div class="grid">
        <Card title="Training loss">
          <LineChart
            title="Training loss by step"
            summary={lastOf(losses)}
            series={losses}
            format={numberOf}
            height={260}
          />
        </Card>
        <Card
          title="Validation"
          actions={
            metrics.length > 0 || reading ? (
              <Field label={<span class="visually-hidden">Metric</span>}>
                {(bound) => (
                  <select
                    {...bound}
                    class="input"
                    value={metric}
                    disabled={reading}
                    onChange={({ currentTarget }) => setMetric(currentTarget.value)}
                  >
                    {metrics.map((name) => (
                      <option key={name} value={name}>
                        {metricName(name)}
                      </option>
                    ))}
                  </select>
                )}
              </Field>
            ) : undefined
          }
        >
          {metrics.length > 0 || reading ? (
            <LineChart
              title={`${metricName(metric ?? '')} by step`}
              summary={lastOf(measured, (value) => metricOf(metric ?? '', value))}
              series={measured}
              format={(value) => metricOf(metric ?? '', value)}
              height={260}
              {...(metric === undefined || isLoss(metric) ? {} : { min: 0, max: topOfShares })}
            />
          ) : (
            <Empty title="Nothing was evaluated yet" />
          )}
        </Card>
      </div>
      <Card
        title="Numbers"
        lead={`Of the last evaluation; with two runs or more the best is marked.${
          haveSameClasses(histories)
            ? ''
            : ' These runs have different classes: a value of one class stands only where a run has that class, and the others are means over each run’s own classes.'
        }`}
      >
        <NumbersTable histories={histories} names={names} records={records} />
      </Card>
      {records.length > 1 ? (
        <Card title="What was different" lead="Settings of the recipes that are not the same.">
          <DifferenceTable histories={histories} names={names} />
        </Card>
      ) : undefined}
    </>
  );
}

/** `val_map of traffic_light` → `val map of traffic_light`. */
function fullName(metric: string): string {
  const { measure, ofClass } = partsOf(metric);
  return measure.replaceAll('_', ' ') + ofClass;
}

/** Other averages of the same numbers, which the report has. */
const variants = /_(micro|weighted)$/;

function NumbersTable({
  histories,
  names,
  records,
}: {
  readonly histories: readonly RunHistory[];
  readonly names: readonly string[];
  readonly records: readonly RunRecord[];
}) {
  const metrics = [...new Set(histories.flatMap(({ metrics: own }) => Object.keys(own)))].filter(
    (name) => !variants.test(partsOf(name).measure),
  );
  const rows = metrics.map((name) => {
    const values = histories.map(({ metrics: own }) => own[name]);
    const best = bestOf(
      name,
      values,
      histories.map(({ record }) => record.task),
    );
    return {
      key: name,
      cells: [
        fullName(name),
        ...values.map((value, i) =>
          value === undefined ? (
            '–'
          ) : best === i ? (
            <strong key={i} class="run-best">
              {metricOf(name, value)}
              <span class="visually-hidden"> (best)</span>
            </strong>
          ) : (
            metricOf(name, value)
          ),
        ),
      ],
    };
  });
  const facts = [
    { key: '#steps', cells: ['steps', ...histories.map(({ record }) => countOf(record.step))] },
    { key: '#time', cells: ['time of the steps', ...histories.map(({ ms }) => durationOf(ms))] },
    {
      key: '#parameters',
      cells: [
        'parameters',
        ...histories.map(({ parameters }) => (parameters === undefined ? '–' : countOf(parameters))),
      ],
    },
    {
      key: '#device',
      cells: [
        'device',
        ...histories.map(({ record }) => (
          <span key={record.run} class="run-device">
            {record.device}
          </span>
        )),
      ],
    },
  ];
  const shown = histories.map(({ record }) => names[records.findIndex(({ run }) => run === record.run)]!);
  return (
    <Table
      caption="Metrics of the runs"
      columns={[{ title: 'Metric' }, ...shown.map((title) => ({ title, number: true }))]}
      // All rows at once: metrics that came later would push the others down.
      rows={histories.length === 0 ? [] : [...rows, ...facts]}
    />
  );
}

function DifferenceTable({
  histories,
  names,
}: {
  readonly histories: readonly RunHistory[];
  readonly names: readonly string[];
}) {
  const rows = differences(histories);
  if (histories.length < 2) return null;
  if (rows.length === 0) return <p class="soft">Their recipes are the same.</p>;
  return (
    <Table
      caption="Settings that differ"
      columns={[{ title: 'Setting' }, ...names.map((title) => ({ title }))]}
      rows={rows.map(({ key, values }) => ({
        key,
        cells: [
          <code key="key" class="run-setting">
            {key}
          </code>,
          ...values.map((value) => (value === undefined ? <span class="soft">not set</span> : value)),
        ],
      }))}
    />
  );
}

/** Reads again what has changed since it was read. */
function useHistories(records: readonly RunRecord[]): readonly RunHistory[] {
  const { client, notices } = useApp();
  const [known, setKnown] = useState<ReadonlyMap<string, RunHistory>>(new Map());
  const wanted = records.map(({ run, updatedAt }) => `${run} ${updatedAt}`).join();
  useEffect(() => {
    let over = false;
    for (const record of records) {
      if (known.get(record.run)?.record.updatedAt === record.updatedAt) continue;
      readHistory(client, record).then(
        (history) => {
          if (!over) setKnown((before) => new Map(before).set(record.run, history));
        },
        (error: unknown) => notices.report(error),
      );
    }
    return () => {
      over = true;
    };
  }, [wanted]);
  return records.flatMap(({ run }) => known.get(run) ?? []);
}

/** Their names; with the start where two are called the same. */
function namesOf(records: readonly RunRecord[]): string[] {
  return records.map((record) =>
    records.some((other) => other !== record && other.name === record.name)
      ? `${record.name}, ${startOf(record)}${sameMinute(record, records) ? `:${record.startedAt.slice(17, 19)}` : ''}`
      : record.name,
  );
}

const sameMinute = (record: RunRecord, records: readonly RunRecord[]): boolean =>
  records.some((other) => other !== record && startOf(other) === startOf(record));

const firstMetric = (names: readonly string[]): string | undefined =>
  ['val_accuracy', 'val_map'].find((name) => names.includes(name)) ?? names[0];

function lastOf(series: readonly ChartSeries[], format: (value: number) => string = numberOf): string {
  if (series.length === 0) return 'No numbers yet';
  return series.map(({ name, points }) => `${name}: ${format(points.at(-1)![1])}`).join('; ');
}
