/**
 * Charts by Apache ECharts, drawn on a canvas in the page's colours. The library is loaded with the first chart. Charts that
 * change often take turns: one is drawn per frame, so that no task of the page is long, however many there are.
 *
 * Who can't see a chart gets its last numbers from `summary`.
 */
import type { EChartsCoreOption, EChartsType } from 'echarts/core';
import { useEffect, useRef } from 'preact/hooks';
import { colours, onColourChange } from './colours.ts';
import './chart.css';

export interface ChartSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Marks every point: for few, measured ones. */
  readonly dots?: boolean;
  /** Position in the palette (its own position). */
  readonly colour?: number;
  /** Thin and pale, behind the others. */
  readonly faint?: boolean;
}

export interface LineChartProps {
  /** What the chart shows, in a few words. */
  readonly title: string;
  /** The newest numbers in words. */
  readonly summary: string;
  readonly series: readonly ChartSeries[];
  /** Stands where there are no numbers yet. */
  readonly empty?: string;
  /** How values are written on the axis and in tips. */
  readonly format?: (value: number) => string;
  readonly min?: number;
  /** Of the axis, if the largest value asks for one; else a round number above that. */
  max?(largest: number): number | undefined;
  /** Pixels; the width is the page's. */
  readonly height?: number;
}

export function LineChart({
  title,
  summary,
  series,
  format = String,
  min,
  max,
  height = 200,
  empty,
}: LineChartProps) {
  return (
    <EChart
      title={title}
      summary={summary}
      height={height}
      empty={series.length === 0 ? empty : undefined}
      stamp={`${stampOf(series)} ${min}`}
      option={() => {
        const { ink, line, palette, paper } = colours();
        const named = series.filter(({ faint }) => !faint);
        const top = max?.(Math.max(...series.flatMap(({ points }) => points.map(([, y]) => y))));
        return {
          animation: false,
          color: palette,
          textStyle: { fontFamily: 'Inter, system-ui, sans-serif' },
          grid: { left: 8, right: 14, top: 12, bottom: named.length > 1 ? 30 : 6, outerBoundsMode: 'same' },
          legend: {
            show: named.length > 1,
            bottom: 0,
            left: 'center',
            type: 'scroll',
            icon: 'roundRect',
            itemWidth: 12,
            itemHeight: 4,
            // Runs may be named by a sentence.
            textStyle: { color: ink, width: 150, overflow: 'truncate', lineHeight: 16 },
            pageTextStyle: { color: ink },
            data: named.map(({ name }) => name),
          },
          tooltip: tooltip({ paper, line, ink }, format),
          xAxis: {
            type: 'value',
            // Steps; a curve with one point has no extent of its own.
            min: ({ min: first, max: last }: { min: number; max: number }) =>
              first < last ? first : Math.min(first, 1),
            max: 'dataMax',
            minInterval: 1,
            axisLabel: { color: ink, hideOverlap: true, fontSize: 11 },
            axisLine: { lineStyle: { color: line } },
            axisTick: { show: false },
            splitLine: { show: false },
            axisPointer: { label: { show: false } },
          },
          yAxis: {
            type: 'value',
            ...(min === undefined ? { scale: true } : { min }),
            // A round share of a given top; otherwise lines may stand close below it.
            ...(top === undefined ? {} : { max: top, interval: top / 4 }),
            splitNumber: 3,
            axisLine: { show: false },
            axisTick: { show: false },
            axisLabel: { color: ink, fontSize: 11, formatter: (value: number) => format(value) },
            splitLine: { lineStyle: { color: line } },
          },
          series: series.map(({ name, points, dots, colour, faint }, i) => ({
            type: 'line',
            name,
            data: points,
            showSymbol: dots ?? false,
            symbol: 'circle',
            symbolSize: 6,
            emphasis: { disabled: true },
            itemStyle: { color: palette[(colour ?? i) % palette.length] },
            lineStyle: { width: faint ? 1 : 2, opacity: faint ? 0.35 : 1 },
            z: faint ? 1 : 2,
            silent: faint ?? false,
          })),
        };
      }}
    />
  );
}

export interface BarChartProps {
  readonly title: string;
  readonly summary: string;
  /** One row per label, the first on top. */
  readonly labels: readonly string[];
  /** One value per label. */
  readonly series: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly format?: (value: number) => string;
}

export function BarChart({ title, summary, labels, series, format = String }: BarChartProps) {
  const legend = series.length > 1;
  return (
    <EChart
      title={title}
      summary={summary}
      height={labels.length * (12 + 12 * series.length) + (legend ? 62 : 34)}
      stamp={JSON.stringify([labels, series])}
      option={() => {
        const { ink, line, palette, paper } = colours();
        return {
          animation: false,
          color: palette,
          textStyle: { fontFamily: 'Inter, system-ui, sans-serif' },
          grid: { left: 8, right: 20, top: 6, bottom: legend ? 30 : 6, outerBoundsMode: 'same' },
          legend: {
            show: legend,
            bottom: 0,
            icon: 'roundRect',
            itemWidth: 12,
            itemHeight: 8,
            textStyle: { color: ink },
          },
          tooltip: { ...tooltip({ paper, line, ink }, format), axisPointer: { type: 'none' } },
          xAxis: {
            type: 'value',
            min: 0,
            splitNumber: 4,
            axisLabel: {
              color: ink,
              fontSize: 11,
              hideOverlap: true,
              formatter: (value: number) => format(value),
            },
            splitLine: { lineStyle: { color: line } },
          },
          yAxis: {
            type: 'category',
            inverse: true,
            data: [...labels],
            axisLabel: { color: ink, width: 130, overflow: 'truncate' },
            axisLine: { lineStyle: { color: line } },
            axisTick: { show: false },
          },
          series: series.map(({ name, values }) => ({
            type: 'bar',
            name,
            data: [...values],
            barMaxWidth: 14,
            emphasis: { disabled: true },
            itemStyle: { borderRadius: [0, 3, 3, 0] },
          })),
        };
      }}
    />
  );
}

/** Any chart of ECharts; `option` is asked again when `stamp` or the colours change, and drawn when it can be seen. */
export function EChart({
  title,
  summary,
  height,
  empty,
  stamp,
  option,
}: {
  readonly title: string;
  readonly summary: string;
  readonly height: number;
  /** Words in place of the chart. */
  readonly empty?: string | undefined;
  /** Says which numbers are drawn: the same stamp, the same chart. Left out: they may be others with every render. */
  readonly stamp?: string | undefined;
  option(): EChartsCoreOption;
}) {
  const frame = useRef<HTMLDivElement>(null);
  const latest = useRef(option);
  latest.current = option;
  const drawing = useRef<Drawing | undefined>(undefined);
  useEffect(() => {
    const opened = new Drawing(frame.current!, () => latest.current());
    drawing.current = opened;
    return () => opened.close();
  }, []);
  useEffect(() => drawing.current?.change(), stamp === undefined ? undefined : [stamp]);
  return (
    <div class="chart" role="img" aria-label={`${title}. ${summary}`}>
      <div
        ref={frame}
        style={{ height: `${height}px`, visibility: empty === undefined ? 'visible' : 'hidden' }}
      />
      {empty === undefined ? undefined : <p class="chart-empty soft small">{empty}</p>}
    </div>
  );
}

const restMs = 1200;

/** One chart on the page: draws when something has changed and somebody can see it. */
class Drawing {
  private chart: EChartsType | undefined;
  private changed = true;
  private seen = false;
  private over = false;
  private series = '';
  private later: ReturnType<typeof setTimeout> | undefined;
  private readonly sight: IntersectionObserver;
  private readonly size: ResizeObserver;
  private readonly forgetColours: () => void;
  private readonly turn = (): void => this.draw();

  constructor(
    private readonly frame: HTMLElement,
    private readonly option: () => EChartsCoreOption,
  ) {
    this.forgetColours = onColourChange(() => this.change());
    this.size = new ResizeObserver(() => this.change());
    this.size.observe(frame);
    // A screen ahead, so that nobody scrolls into an old picture.
    const nearby = { rootMargin: '100% 0px' };
    this.sight = new IntersectionObserver((entries) => {
      this.seen = entries.at(-1)?.isIntersecting ?? true;
      if (this.seen && this.changed) enqueue(this.turn);
    }, nearby);
    this.sight.observe(frame);
  }

  change(): void {
    this.changed = true;
    clearTimeout(this.later);
    if (this.seen) enqueue(this.turn);
    // Out of sight it may wait until the numbers rest.
    else this.later = setTimeout(() => enqueue(this.turn), restMs);
  }

  close(): void {
    this.over = true;
    clearTimeout(this.later);
    this.forgetColours();
    this.size.disconnect();
    this.sight.disconnect();
    dequeue(this.turn);
    this.chart?.dispose();
  }

  private draw(): void {
    if (this.over) return;
    if (!this.chart) {
      void import('./echarts.ts').then(({ openChart }) => {
        if (this.over || this.chart) return;
        this.chart = openChart(this.frame);
        enqueue(this.turn);
      });
      return;
    }
    this.changed = false;
    const { chart, frame } = this;
    if (chart.getWidth() !== frame.clientWidth || chart.getHeight() !== frame.clientHeight) chart.resize();
    const option = this.option();
    const names = seriesNames(option);
    // Series that went away have to be taken out; making all of them anew takes longer.
    chart.setOption(option, names === this.series ? {} : { replaceMerge: ['series'] });
    this.series = names;
  }
}

function seriesNames({ series }: EChartsCoreOption): string {
  return Array.isArray(series) ? series.map(({ name }: { name?: unknown }) => String(name)).join('\n') : '';
}

function tooltip(
  { paper, line, ink }: { readonly paper: string; readonly line: string; readonly ink: string },
  format: (value: number) => string,
) {
  return {
    trigger: 'axis',
    confine: true,
    // Drawn, not written as HTML with styles in it, which a strict content security policy forbids.
    renderMode: 'richText',
    transitionDuration: 0,
    backgroundColor: paper,
    borderColor: line,
    textStyle: { color: ink, fontSize: 12 },
    valueFormatter: (value: unknown) => format(Number(value)),
  } as const;
}

/** Which numbers a chart shows: only the newest of a curve are looked at. */
function stampOf(series: readonly ChartSeries[]): string {
  return series
    .map(({ name, points, colour }) => `${name} ${colour} ${points.length} ${points.at(0)} ${points.at(-1)}`)
    .join('\n');
}

/** What is to be drawn, each once; one per frame. */
const queue = new Set<() => void>();
let frames = 0;

function enqueue(work: () => void): void {
  queue.add(work);
  if (frames === 0) frames = requestAnimationFrame(turn);
}

function dequeue(work: () => void): void {
  queue.delete(work);
}

function turn(): void {
  const [work] = queue;
  if (work) {
    queue.delete(work);
    work();
  }
  frames = queue.size > 0 ? requestAnimationFrame(turn) : 0;
}
