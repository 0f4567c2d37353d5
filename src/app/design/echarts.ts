/** The parts of ECharts that the app draws with: a file of its own, so that they are loaded with the first chart. */
import { BarChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TooltipComponent, VisualMapComponent } from 'echarts/components';
import { type EChartsType, init, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

let registered = false;

export function openChart(element: HTMLElement): EChartsType {
  if (!registered) {
    use([
      BarChart,
      HeatmapChart,
      LineChart,
      ScatterChart,
      GridComponent,
      LegendComponent,
      TooltipComponent,
      VisualMapComponent,
      CanvasRenderer,
    ]);
    registered = true;
  }
  return init(element, null, { renderer: 'canvas' });
}
