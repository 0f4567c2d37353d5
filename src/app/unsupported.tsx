/** In place of the app where the browser can't run it: what is missing, and what helps. */
import { OcelliError } from '../core/index.ts';
import './shell.css';

export function Unsupported({ error }: { readonly error: unknown }) {
  const known = error instanceof OcelliError ? error : undefined;
  return (
    <main class="unsupported stack">
      <h1>This page can’t train here</h1>
      <p>{known ? `It is ${known.received}.` : String(error)}</p>
      {known ? <p>What to do: {known.hint}.</p> : undefined}
    </main>
  );
}
