/** A share as a bar. The browser's own `meter` looks different everywhere and knows no dark pages. */
import './meter.css';

export function Meter({ label, value }: { readonly label: string; readonly value: number }) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: see above
    <span
      class="meter"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={1}
      aria-valuenow={Math.round(value * 1000) / 1000}
    >
      <span style={{ width: `${Math.min(100, Math.max(0, value * 100))}%` }} />
    </span>
  );
}
