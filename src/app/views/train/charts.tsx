/** The curves of a run. Every chart has its room from the start; those without numbers yet say so. */

import { classesOfData } from '../../../core/index.ts';
import { namedMetric } from '../../class-metrics.ts';
import { type Curve, topOfShares } from '../../curves.ts';
import { Card } from '../../design/card.tsx';
import { type ChartSeries, LineChart } from '../../design/chart.tsx';
import { bytesOf, metricName, numberOf } from '../../format.ts';
import { useApp } from '../../state.ts';

export function RunCharts() {
  const { live } = useApp();
  const { loss, parts, metrics, learningRate, imagesPerSecond, gpuBytes } = live.curves;
  const data = live.facts.value.data;
  const classes = data && classesOfData(data);
  const valLoss = metrics.get('val_loss');
  return (
    <>
      <CurveCard
        title="Loss"
        wide
        empty="After the first step"
        format={numberOf}
        curves={[
          ['training', loss],
          ['validation', valLoss, { dots: true, colour: 1 }],
          ...[...parts].map(
            ([name, curve], i) => [name.replace(/^loss_/, ''), curve, { colour: i + 2 }] as const,
          ),
        ]}
      />
      <CurveCard
        title="Validation metrics"
        wide
        empty="After the first evaluation"
        format={numberOf}
        min={0}
        max={topOfShares}
        curves={shownMetrics(metrics).map(
          ([name, curve]) => [metricName(namedMetric(name, classes)), curve, { dots: true }] as const,
        )}
      />
      <CurveCard title="Learning rate" format={numberOf} min={0} curves={[['learning rate', learningRate]]} />
      <CurveCard
        title="Images per second"
        format={numberOf}
        min={0}
        curves={[['images per second', imagesPerSecond, { colour: 2 }]]}
      />
      <CurveCard
        title="Device memory"
        format={bytesOf}
        min={0}
        curves={[['memory', gpuBytes, { colour: 3 }]]}
      />
    </>
  );
}

type NamedCurve = readonly [
  name: string,
  curve: Curve | undefined,
  look?: Pick<ChartSeries, 'dots' | 'colour'>,
];

function CurveCard({
  title,
  curves,
  format,
  min,
  max,
  wide,
  empty = 'After the first step',
}: {
  readonly title: string;
  readonly curves: readonly NamedCurve[];
  format(value: number): string;
  readonly min?: number;
  max?(largest: number): number | undefined;
  readonly wide?: boolean;
  readonly empty?: string;
}) {
  const { live } = useApp();
  const series = curves.flatMap(([name, curve, look]) =>
    curve && curve.points.length > 0 ? [{ name, points: curve.points, ...look }] : [],
  );
  const said = series.map(({ name, points }) => `${name} ${format(points.at(-1)![1])}`).join(', ');
  return (
    <Card title={title} class={wide ? 'wide' : ''}>
      <LineChart
        title={title}
        summary={said === '' ? 'No numbers yet' : `Now ${said}`}
        series={series}
        height={wide ? 210 : 130}
        empty={live.isActive ? empty : 'None in this run'}
        format={format}
        {...(min === undefined ? {} : { min })}
        {...(max === undefined ? {} : { max })}
      />
    </Card>
  );
}

/** Few enough to be told apart; the report has them all. */
const preferred = [
  'val_map',
  'val_map_50',
  'val_map_75',
  'val_mar_100',
  'val_accuracy',
  'val_f1',
  'val_precision',
  'val_recall',
];

function shownMetrics(metrics: ReadonlyMap<string, Curve>): [string, Curve][] {
  const known = preferred.flatMap((name): [string, Curve][] => {
    const curve = metrics.get(name);
    return curve ? [[name, curve]] : [];
  });
  return known.length > 0 ? known : [...metrics].filter(([name]) => name !== 'val_loss').slice(0, 4);
}
