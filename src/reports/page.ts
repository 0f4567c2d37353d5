/** The page around the sections: head, navigation, headline numbers, footer. One file that needs no other. */
import { type HtmlValue, html, type SafeHtml, trusted } from './html.ts';
import { card, type Section, tile } from './parts.ts';
import { styleSheet } from './style.ts';

export interface PageOptions {
  readonly title: string;
  readonly kicker: string;
  readonly meta: readonly (readonly [label: string, value: string])[];
  readonly tiles: readonly { readonly label: string; readonly value: string; readonly note: string }[];
  readonly findings: readonly string[];
  readonly sections: readonly Section[];
  readonly footer: HtmlValue;
}

export function page(options: PageOptions): string {
  const { title, kicker, meta, tiles, findings, sections, footer } = options;
  const body: SafeHtml = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${title} · Ocelli report</title>
<style>${trusted(styleSheet)}</style>
</head>
<body>
<header class="top">
  <p class="kicker">${kicker}</p>
  <h1>${title}</h1>
  <ul class="meta">${meta.map(([label, value]) => html`<li>${label} <b>${value}</b></li>`)}</ul>
</header>
<nav aria-label="Sections"><ul>
  <li><a href="#overview">Overview</a></li>
  ${sections.map((section) => html`<li><a href="#${section.id}">${section.title}</a></li>`)}
</ul></nav>
<main>
<section id="overview" aria-labelledby="overview-title">
  <h2 id="overview-title">Overview</h2>
  <dl class="tiles">${tiles.map((entry) => tile(entry.label, entry.value, entry.note))}</dl>
  ${card('What stands out', html`<ul class="findings">${findings.map((text) => html`<li>${text}</li>`)}</ul>`)}
</section>
${sections.map(
  (section) => html`<section id="${section.id}" aria-labelledby="${section.id}-title">
  <h2 id="${section.id}-title">${section.title}</h2>
  ${section.body}
</section>`,
)}
<footer>${footer}</footer>
</main>
</body>
</html>
`;
  return body.text;
}
