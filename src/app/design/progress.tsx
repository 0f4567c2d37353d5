/** How far something is. Without a value: under way, nobody knows how far. */
import './progress.css';

export function Progress({ label, value }: { readonly label: string; readonly value: number | undefined }) {
  return <progress class="progress" aria-label={label} max={1} {...(value === undefined ? {} : { value })} />;
}
