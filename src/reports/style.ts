/**
 * The report's style sheet. Two themes by the reader's setting; colours of series keep 3:1 contrast against the
 * paper and differ for the common kinds of colour blindness (after Okabe & Ito). No fonts are fetched.
 */
export const styleSheet = `
:root { color-scheme: light dark;
  --paper: #ffffff; --ground: #f5f6f8; --ink: #1b1f27; --ink-soft: #586070; --line: #e2e5ea; --cell: #f0f2f5;
  --accent: #2f5fd0; --on-colour: #ffffff; --good: #1c7f52; --bad: #b93636;
  --c1: #2f5fd0; --c2: #d0661b; --c3: #178a69; --c4: #a2479b; --c5: #8a6a14; --c6: #66707f; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #171b22; --ground: #0f1217; --ink: #e8ebf0; --ink-soft: #9aa4b3; --line: #2a303a; --cell: #1f242d;
  --accent: #86a9ff; --on-colour: #0f1217; --good: #5fcf9a; --bad: #ff8b85;
  --c1: #86a9ff; --c2: #f2a15c; --c3: #52cca6; --c4: #dd93d6; --c5: #d3b25a; --c6: #a3adbb; } }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 4rem; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
a { color: var(--accent); }
header.top { background: var(--paper); border-bottom: 1px solid var(--line); padding: 2.2rem max(1.2rem, calc(50vw - 36.8rem)) 1.6rem; }
header.top p.kicker { margin: 0; color: var(--ink-soft); font-size: .85rem; letter-spacing: .04em; text-transform: uppercase; }
h1 { margin: .2rem 0 .6rem; font-size: 2rem; line-height: 1.2; letter-spacing: -.02em; overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; letter-spacing: -.01em; margin: 0 0 1rem; }
h3 { font-size: 1rem; margin: 0; }
ul.meta { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; list-style: none; margin: 0; padding: 0; color: var(--ink-soft); font-size: .9rem; }
ul.meta b { color: var(--ink); font-weight: 600; }
nav { position: sticky; top: 0; z-index: 2; background: color-mix(in srgb, var(--paper) 92%, transparent); backdrop-filter: blur(8px); border-bottom: 1px solid var(--line); padding: 0 max(1.2rem, calc(50vw - 36.8rem)); overflow-x: auto; }
nav ul { display: flex; gap: 1.4rem; list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .7rem 0; color: var(--ink-soft); text-decoration: none; font-size: .9rem; white-space: nowrap; }
nav a:hover, nav a:focus-visible { color: var(--accent); }
main { max-width: 76rem; margin: 0 auto; padding: 1.6rem 1.2rem 4rem; }
section { margin: 0 0 3rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 0 0 1.2rem; }
.tile, .card { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; }
.tile { padding: .9rem 1.1rem; }
.tile dt { color: var(--ink-soft); font-size: .85rem; }
.tile dd { margin: 0; font-size: 1.75rem; font-weight: 650; letter-spacing: -.02em; font-variant-numeric: tabular-nums; }
.tile small { display: block; font-size: .78rem; font-weight: 400; letter-spacing: 0; color: var(--ink-soft); }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem; align-items: start; }
.card { margin: 0; padding: 1.1rem 1.2rem; min-width: 0; }
.card.wide { grid-column: 1 / -1; }
.card figcaption p, .card > p { margin: .2rem 0 .6rem; color: var(--ink-soft); font-size: .9rem; }
.chart { overflow-x: auto; }
.chart svg { display: block; width: 100%; height: auto; margin: 0 auto; }
.findings { margin: 0; padding: 0 0 0 1.1rem; } .findings li { margin: .3rem 0; }
p.lead { color: var(--ink-soft); max-width: 60rem; margin: 0 0 1rem; }
details { margin-top: .6rem; } summary { cursor: pointer; color: var(--accent); font-size: .88rem; }
.scroll { overflow: auto; max-height: 32rem; margin-top: .5rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
caption { text-align: left; color: var(--ink-soft); padding-bottom: .4rem; }
th, td { text-align: left; padding: .38rem .7rem; border-bottom: 1px solid var(--line); font-weight: 400; overflow-wrap: anywhere; }
thead th { position: sticky; top: 0; background: var(--paper); color: var(--ink-soft); font-weight: 600; font-size: .82rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
dl.facts { display: grid; grid-template-columns: auto 1fr; gap: .35rem 1.4rem; margin: .6rem 0 0; font-size: .92rem; }
dl.facts dt { color: var(--ink-soft); } dl.facts dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }
.picture { margin: 0; background: var(--paper); border: 1px solid var(--line); border-radius: 12px; overflow: hidden; }
.frame { position: relative; background: var(--cell); }
.frame img, .frame svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.frame rect { fill: none; } .frame g { filter: drop-shadow(0 0 1.5px #000); } .frame text { paint-order: stroke; stroke: #000a; fill: #fff; font-weight: 600; }
.truth rect { stroke: #34e0a1; } .prediction rect { stroke: #ffb454; }
.truth text { fill: #9ff5d4; } .prediction text { fill: #ffd9a3; }
.badge { position: absolute; left: .6rem; top: .6rem; padding: .1rem .6rem; border-radius: 99px; font-size: .8rem; font-weight: 600; color: #fff; }
.badge.right { background: #1c7f52; } .badge.wrong { background: #b93636; }
.picture figcaption { padding: .6rem .8rem .8rem; font-size: .85rem; display: grid; gap: .15rem; color: var(--ink-soft); overflow-wrap: anywhere; }
.picture strong { color: var(--ink); font-weight: 600; }
.score { position: relative; padding: .1rem .45rem; border-radius: 5px; overflow: hidden; background: var(--cell); color: var(--ink); }
.score i { position: absolute; inset: 0 auto 0 0; background: var(--c1); opacity: .25; } .score b { font-weight: 600; position: relative; }
.switches { display: flex; flex-wrap: wrap; gap: .4rem 1.4rem; margin: 0 0 .9rem; font-size: .9rem; color: var(--ink-soft); }
.switches label { display: flex; align-items: center; gap: .45rem; cursor: pointer; }
.key { width: 1.5rem; border-top: 3px solid #34e0a1; } .key.prediction { border-top: 3px dashed #ffb454; }
section:has(#show-truth:not(:checked)) .truth, section:has(#show-predictions:not(:checked)) .prediction { display: none; }
.switches .key.prediction { display: block !important; }
pre { margin: 0; overflow: auto; max-height: 36rem; padding: 1rem 1.1rem; background: var(--paper); border: 1px solid var(--line); border-radius: 12px; font: .85rem/1.55 ui-monospace, "Cascadia Mono", Menlo, monospace; }
footer { color: var(--ink-soft); font-size: .85rem; border-top: 1px solid var(--line); padding-top: 1rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media print { nav, .switches { display: none; } body { background: #fff; } .card, .tile, .picture { break-inside: avoid; } }
`;
