/** The pieces that every section is built from: figures with their numbers, tables, tiles. */
import { duration, quantile } from './format.ts';
import { type HtmlValue, html, type SafeHtml } from './html.ts';

/** A section of the page. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: SafeHtml;
}

export interface TableOptions {
  readonly caption?: string;
  /** Columns that hold text; the others are numbers and stand at the right. */
  readonly textColumns?: readonly number[];
}

export function table(
  columns: readonly string[],
  rows: readonly (readonly HtmlValue[])[],
  { caption, textColumns = [0] }: TableOptions = {},
): SafeHtml {
  const kind = (i: number): SafeHtml => (textColumns.includes(i) ? html`` : html` class="number"`);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption ?? 'Table'}"><table>
    ${caption && html`<caption>${caption}</caption>`}
    <thead><tr>${columns.map((column, i) => html`<th scope="col"${kind(i)}>${column}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (row) =>
        html`<tr>${row.map((value, i) =>
          i === 0 ? html`<th scope="row"${kind(i)}>${value}</th>` : html`<td${kind(i)}>${value}</td>`,
        )}</tr>`,
    )}</tbody>
  </table></div>`;
}

/** How long something took, over all times that it was done. */
export function timesTable(what: string, ms: readonly number[]): SafeHtml {
  const times = [0.5, 0.95, 1].map((share) => duration(quantile(ms, share)));
  return table(['', 'median', '95 %', 'slowest'], [[what, ...times]]);
}

export interface FigureOptions {
  readonly title: string;
  /** One sentence: what is to be seen. It is also what a screen reader hears in place of the picture. */
  readonly summary: string;
  readonly chart: SafeHtml;
  /** The same numbers, folded away. */
  readonly numbers?: SafeHtml;
  readonly wide?: boolean;
}

export function figure({ title, summary, chart, numbers, wide }: FigureOptions): SafeHtml {
  return html`<figure class="card${wide ? html` wide` : html``}">
    <figcaption><h3>${title}</h3><p>${summary}</p></figcaption>
    <div class="chart" role="img" aria-label="${`${title}. ${summary}`}">${chart}</div>
    ${numbers && html`<details><summary>Show the numbers</summary>${numbers}</details>`}
  </figure>`;
}

export function card(title: string, body: HtmlValue, wide = false): SafeHtml {
  return html`<div class="card${wide ? html` wide` : html``}"><h3>${title}</h3>${body}</div>`;
}

/** A number in large type. */
export function tile(label: string, value: string, note = ''): SafeHtml {
  return html`<div class="tile"><dt>${label}</dt><dd>${value}${note && html`<small>${note}</small>`}</dd></div>`;
}

export function grid(...children: readonly HtmlValue[]): SafeHtml {
  return html`<div class="grid">${children}</div>`;
}

/** Every `n`-th row so that at most `limit` remain, the last among them. */
export function sampledRows<T>(rows: readonly T[], limit = 25): T[] {
  if (rows.length <= limit) return [...rows];
  const step = (rows.length - 1) / (limit - 1);
  return Array.from({ length: limit }, (_, i) => rows[Math.round(i * step)]!);
}
