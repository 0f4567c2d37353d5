/**
 * Plots as SVG text by Apache ECharts' server-side rendering, which draws the same in Node and in the browser.
 * Colours are CSS variables of the page, so that one picture serves the light and the dark theme; nothing in a
 * plot reacts to the pointer. Every plot stands in a figure with a table of its numbers for those who can't see it
 * (see parts.ts).
 */
import { BarChart, CustomChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent } from 'echarts/components';
import { type EChartsCoreOption, init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { type SafeHtml, trusted } from './html.ts';

let registered = false;

/** Registers the parts of ECharts that are used, on first use: importing this file does nothing. */
function register(): void {
  if (registered) return;
  use([BarChart, CustomChart, LineChart, GridComponent, LegendComponent, SVGRenderer]);
  registered = true;
}

const ink = 'var(--ink-soft)';
const hairline = 'var(--line)';
const font = 'system-ui, sans-serif';
const palette = ['var(--c1)', 'var(--c2)', 'var(--c3)', 'var(--c4)', 'var(--c5)', 'var(--c6)'] as const;

interface Size {
  readonly width: number;
  readonly height: number;
}

function draw(option: EChartsCoreOption, { width, height }: Size): SafeHtml {
  register();
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  try {
    chart.setOption({ animation: false, textStyle: { fontFamily: font }, color: [...palette], ...option });
    const svg = chart
      .renderToSVGString()
      // Hover rules would follow the pointer and collide between plots of one page.
      .replace(/<style[\s\S]*?<\/style>/g, '')
      .replace(/ class="[^"]*"/g, '')
      .replace(/ (?:ecmeta_[a-z_]+)="[^"]*"/g, '')
      .replace(/<rect[^>]*fill="none"[^>]*><\/rect>/, '')
      .replace(
        /^<svg width="\d+" height="\d+"/,
        `<svg aria-hidden="true" focusable="false" style="max-width: ${width}px"`,
      );
    return trusted(svg);
  } finally {
    chart.dispose();
  }
}

export interface LineSeries {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn thin and pale, behind the others (raw values below a smoothed line). */
  readonly faint?: boolean;
  readonly dashed?: boolean;
  /** Mark every point: for few, measured ones. */
  readonly dots?: boolean;
  readonly colour?: number;
}

export interface AxisOptions {
  readonly name: string;
  readonly min?: number;
  readonly max?: number;
  /** Counts: no ticks between whole numbers. */
  readonly whole?: boolean;
}

function valueAxis(axis: AxisOptions, vertical: boolean) {
  return {
    type: 'value',
    ...(axis.whole ? { minInterval: 1 } : {}),
    name: axis.name,
    nameLocation: vertical ? 'end' : 'middle',
    nameGap: vertical ? 12 : 28,
    nameTextStyle: {
      color: ink,
      align: vertical ? 'left' : 'center',
      padding: vertical ? [0, 0, 0, -34] : 0,
    },
    ...(axis.min === undefined ? { scale: true } : { min: axis.min }),
    ...(axis.max === undefined ? {} : { max: axis.max }),
    axisLabel: { color: ink, hideOverlap: true },
    axisLine: { show: !vertical, lineStyle: { color: hairline } },
    axisTick: { show: false },
    splitLine: { show: vertical, lineStyle: { color: hairline } },
  };
}

export function lineChart(
  series: readonly LineSeries[],
  x: AxisOptions,
  y: AxisOptions,
  size: Size = { width: 560, height: 300 },
): SafeHtml {
  const named = series.filter((line) => !line.faint);
  return draw(
    {
      grid: {
        left: 20,
        right: 24,
        top: 34,
        bottom: named.length > 1 ? 64 : 36,
        outerBoundsMode: 'same',
        outerBoundsContain: 'axisLabel',
      },
      legend: {
        show: named.length > 1,
        bottom: 0,
        icon: 'roundRect',
        itemWidth: 14,
        itemHeight: 4,
        textStyle: { color: ink },
        data: named.map((line) => line.name),
      },
      xAxis: valueAxis(x, false),
      yAxis: valueAxis(y, true),
      series: series.map((line, i) => ({
        type: 'line',
        name: line.name,
        data: line.points.map((point) => [...point]),
        showSymbol: line.dots ?? false,
        symbol: 'circle',
        symbolSize: 6,
        silent: true,
        itemStyle: { color: palette[(line.colour ?? i) % palette.length] },
        lineStyle: {
          color: palette[(line.colour ?? i) % palette.length],
          width: line.faint ? 1 : 2,
          opacity: line.faint ? 0.3 : 1,
          type: line.dashed ? 'dashed' : 'solid',
        },
        z: line.faint ? 1 : 2,
      })),
    },
    size,
  );
}

export interface Bar {
  readonly label: string;
  /** One value per series; null leaves a gap. */
  readonly values: readonly (number | null)[];
}

/** Horizontal bars, the first on top. */
export function barChart(
  bars: readonly Bar[],
  seriesNames: readonly string[],
  x: AxisOptions,
  options: { readonly stacked?: boolean; readonly width?: number } = {},
): SafeHtml {
  const rowHeight = options.stacked || seriesNames.length === 1 ? 24 : 14 * seriesNames.length + 12;
  const legend = seriesNames.length > 1;
  return draw(
    {
      grid: {
        left: 36,
        right: 28,
        top: 8,
        bottom: legend ? 64 : 36,
        outerBoundsMode: 'same',
        outerBoundsContain: 'axisLabel',
      },
      legend: {
        show: legend,
        bottom: 0,
        icon: 'roundRect',
        itemWidth: 14,
        itemHeight: 8,
        textStyle: { color: ink },
      },
      xAxis: { ...valueAxis({ min: 0, ...x }, false), splitLine: { lineStyle: { color: hairline } } },
      yAxis: {
        type: 'category',
        inverse: true,
        data: bars.map((bar) => shortened(bar.label)),
        axisLabel: { color: ink, interval: 0 },
        axisLine: { lineStyle: { color: hairline } },
        axisTick: { show: false },
      },
      series: seriesNames.map((name, i) => ({
        type: 'bar',
        name,
        silent: true,
        ...(options.stacked ? { stack: 'all' } : {}),
        barMaxWidth: 16,
        itemStyle: { color: palette[i % palette.length], borderRadius: options.stacked ? 0 : [0, 3, 3, 0] },
        data: bars.map((bar) => bar.values[i] ?? null),
      })),
    },
    { width: options.width ?? 560, height: bars.length * rowHeight + (legend ? 84 : 56) },
  );
}

/** A confusion matrix: rows are the truth; a cell's strength is its share of the row. */
export function matrixChart(
  labels: readonly string[],
  columns: readonly string[],
  counts: (row: number, column: number) => number,
): SafeHtml {
  const totals = labels.map((_, row) => columns.reduce((sum, _, column) => sum + counts(row, column), 0));
  const side = Math.max(22, Math.min(52, 640 / columns.length));
  const axis = (names: readonly string[], name: string) => ({
    type: 'category',
    data: names.map((label) => shortened(label, 14)),
    name,
    nameLocation: 'middle',
    nameTextStyle: { color: ink, fontWeight: 'bold' },
    axisLabel: { color: ink, interval: 0 },
    axisLine: { show: false },
    axisTick: { show: false },
    splitArea: { show: false },
  });
  return draw(
    {
      grid: { left: 130, right: 16, top: 16, bottom: 130 },
      xAxis: {
        ...axis(columns, 'predicted'),
        nameGap: 104,
        axisLabel: { color: ink, interval: 0, rotate: 50 },
      },
      yAxis: { ...axis(labels, 'truth'), nameGap: 112, inverse: true },
      series: [
        {
          type: 'custom',
          silent: true,
          encode: { x: 0, y: 1 },
          data: labels.flatMap((_, row) => columns.map((_, column) => [column, row, counts(row, column)])),
          renderItem: (_: unknown, api: CellApi) => {
            const [column, row, count] = [api.value(0), api.value(1), api.value(2)];
            const share = totals[row] === 0 ? 0 : count / totals[row]!;
            const [x, y] = api.coord([column, row]);
            const rectangle = {
              type: 'rect',
              shape: { x: x - side / 2 + 1, y: y - side / 2 + 1, width: side - 2, height: side - 2, r: 3 },
              style: {
                fill: share === 0 ? 'var(--cell)' : row === column ? 'var(--c1)' : 'var(--c2)',
                opacity: share === 0 ? 1 : 0.15 + 0.85 * share,
              },
            };
            const text = {
              type: 'text',
              style: {
                x,
                y,
                text: count === 0 || side < 26 ? '' : String(count),
                align: 'center',
                verticalAlign: 'middle',
                font: `12px ${font}`,
                fill: share > 0.55 ? 'var(--on-colour)' : 'var(--ink)',
              },
            };
            return { type: 'group', children: [rectangle, text] };
          },
        },
      ],
    },
    { width: 146 + columns.length * side, height: 146 + labels.length * side },
  );
}

/** What ECharts gives to a custom series' `renderItem`, as far as it is used. */
interface CellApi {
  value(dimension: number): number;
  coord(point: readonly number[]): [x: number, y: number];
}

function shortened(text: string, length = 26): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
