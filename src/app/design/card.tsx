/** A sheet with a heading, what belongs to it, and what can be done with it. */
import type { ComponentChildren } from 'preact';
import './card.css';

export interface CardProps {
  readonly title?: ComponentChildren;
  /** One sentence below the title. */
  readonly lead?: ComponentChildren;
  /** Buttons at the right of the title. */
  readonly actions?: ComponentChildren;
  readonly children?: ComponentChildren;
  readonly class?: string;
}

export function Card({ title, lead, actions, children, class: extra = '' }: CardProps) {
  return (
    <section class={`card ${extra}`}>
      {title || actions ? (
        <header class="card-head">
          <div>
            {title ? <h2>{title}</h2> : undefined}
            {lead ? <p class="soft small">{lead}</p> : undefined}
          </div>
          {actions ? <div class="row">{actions}</div> : undefined}
        </header>
      ) : undefined}
      {children}
    </section>
  );
}

/** The heading of a view. */
export function ViewHead({
  title,
  lead,
  children,
}: {
  readonly title: ComponentChildren;
  readonly lead?: ComponentChildren;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="view-head">
      <div>
        <h1>{title}</h1>
        {lead ? <p>{lead}</p> : undefined}
      </div>
      {children ? <div class="row">{children}</div> : undefined}
    </div>
  );
}

/** Name and value, line by line. */
export function Facts({
  rows,
}: {
  readonly rows: readonly (readonly [name: string, value: ComponentChildren] | undefined)[];
}) {
  return (
    <dl class="facts">
      {rows.map((row) =>
        row ? (
          <div key={row[0]}>
            <dt>{row[0]}</dt>
            <dd>{row[1]}</dd>
          </div>
        ) : undefined,
      )}
    </dl>
  );
}

/** Large numbers side by side; the room of a number that is not known yet stays. */
export function Tiles({
  tiles,
}: {
  readonly tiles: readonly {
    readonly name: string;
    readonly value: string | undefined;
    readonly note?: string;
  }[];
}) {
  return (
    <dl class="tiles">
      {tiles.map(({ name, value, note }) => (
        <div key={name} class="tile">
          <dt>{name}</dt>
          <dd>{value ?? <span class="soft">–</span>}</dd>
          {note === undefined ? undefined : <dd class="note">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}

/** Where there is nothing to show yet: why, and what to do. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children}
    </div>
  );
}
