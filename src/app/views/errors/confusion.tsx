/**
 * The confusion matrix as a table of buttons: a cell says how often the class of its row was taken for that of its column, and
 * a click shows the pictures. The share of the row is in the colour, the count is in the cell: colour alone says nothing.
 */

export interface Cell {
  readonly truth: number;
  readonly predicted: number;
}

export function ConfusionMatrix({
  names,
  counts,
  chosen,
  onChoose,
}: {
  readonly names: readonly string[];
  /** [names × names], rows are the truth. */
  readonly counts: readonly number[];
  readonly chosen: Cell | undefined;
  /** Left out: cells can only be read. */
  readonly onChoose?: ((cell: Cell | undefined) => void) | undefined;
}) {
  const size = names.length;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
    <section class="confusion" tabIndex={0} aria-label="Confusion matrix">
      <table>
        <caption class="visually-hidden">
          Confusion matrix: rows are the truth, columns what the model said
        </caption>
        <thead>
          <tr>
            <td class="confusion-corner">
              <span>truth ↓</span> <span>said →</span>
            </td>
            {names.map((name) => (
              <th key={name} scope="col">
                <span>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {names.map((name, truth) => {
            const row = counts.slice(truth * size, (truth + 1) * size);
            const total = row.reduce((sum, count) => sum + count, 0);
            return (
              <tr key={name}>
                <th scope="row">{name}</th>
                {row.map((count, predicted) => {
                  const share = total === 0 ? 0 : count / total;
                  const on = chosen?.truth === truth && chosen.predicted === predicted;
                  const kind = truth === predicted ? 'right' : 'wrong';
                  const style = { '--share': String(Math.round(share * 100)) };
                  return (
                    <td key={names[predicted]}>
                      {onChoose && count > 0 ? (
                        <button
                          type="button"
                          class={`confusion-cell ${kind}`}
                          style={style}
                          aria-pressed={on}
                          aria-label={`${count} of ${name} taken for ${names[predicted]}`}
                          onClick={() => onChoose(on ? undefined : { truth, predicted })}
                        >
                          {count}
                        </button>
                      ) : (
                        <span class={`confusion-cell ${count > 0 ? kind : 'none'}`} style={style}>
                          {count > 0 ? count : '·'}
                        </span>
                      )}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </section>
  );
}
