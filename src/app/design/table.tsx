/** A table that scrolls sideways by itself where the page is narrow; numbers stand at the right. */
import type { ComponentChildren } from 'preact';
import './table.css';

export interface Column {
  readonly title: ComponentChildren;
  readonly number?: boolean;
}

export function Table({
  caption,
  columns,
  rows,
}: {
  /** Says what the table shows; read by screen readers. */
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly rows: readonly { readonly key: string; readonly cells: readonly ComponentChildren[] }[];
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <section class="table-frame" tabIndex={0} aria-label={caption}>
      <table>
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ title, number }, i) => (
              <th key={i} scope="col" class={number ? 'number' : undefined}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, cells }) => (
            <tr key={key}>
              {cells.map((cell, i) => (
                <td key={i} class={columns[i]?.number ? 'number' : undefined}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
