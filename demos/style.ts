/** The page's style sheet. Colours are named once for light and once for dark; shapes carry the meaning. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #faf8f4; --card: #ffffff; --ink: #1d1b18; --soft: #67615a; --rule: #e5e0d8; --plate: #ffffff;
  --accent: #b3402b; --wash: #f6e3dc; --right: #1c6b45; --right-wash: #dcefe4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161513; --card: #1f1e1b; --ink: #f0ece5; --soft: #a8a198; --rule: #36332e; --plate: #ffffff;
    --accent: #f08e76; --wash: #45251d; --right: #7fd6a6; --right-wash: #17392a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 3rem; }
h1, h2, h3, .brand { font-family: "Iowan Old Style", Palatino, Georgia, "DejaVu Serif", serif; font-weight: 600; line-height: 1.2; margin: 0; }
h1 { font-size: clamp(2rem, 5vw, 3.25rem); letter-spacing: -0.02em; }
h2 { font-size: 1.45rem; }
h3 { font-size: 1.1rem; }
.brand { color: var(--accent); font-style: italic; font-size: 1.15rem; margin-bottom: 0.25rem; }
.lead { font-size: 1.15rem; max-width: 44rem; margin: 1rem 0 1.5rem; color: var(--soft); }
.lead strong { color: var(--ink); }
.facts { display: flex; flex-wrap: wrap; gap: 0.75rem 2.5rem; margin: 0; padding: 0.9rem 0; border-block: 1px solid var(--rule); }
.facts dt { font-size: 0.8rem; color: var(--soft); }
.facts dd { margin: 0; font-weight: 600; font-variant-numeric: tabular-nums; }
section { margin: 2.5rem 0; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 14px; padding: 1.25rem; margin: 0; }
.measures { display: grid; grid-template-columns: 3fr 2fr; gap: 1.25rem; align-items: start; }
.note, caption { color: var(--soft); margin: 0.35rem 0 1rem; text-align: left; font-size: 0.95rem; }
caption b { color: var(--ink); }
table { width: 100%; margin-top: 0.75rem; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.6rem 0 0.6rem 0.75rem; border-top: 1px solid var(--rule); white-space: nowrap; }
thead th { border: 0; color: var(--soft); font-weight: 500; font-size: 0.85rem; }
th:first-child { text-align: left; padding-left: 0; }
th:nth-child(4) { text-align: left; width: 45%; }
.after { display: flex; align-items: center; gap: 0.6rem; }
.bar { position: relative; flex: 1; height: 0.8rem; border-radius: 3px; background: linear-gradient(var(--accent) 0 0) 0 / calc(100% * var(--share)) 100% no-repeat, var(--wash); }
.bar::after { content: ""; position: absolute; left: calc(100% * var(--chance)); top: -4px; bottom: -4px; border-left: 2px solid var(--ink); }
tbody b { min-width: 3.8rem; text-align: right; }
svg { display: block; width: 100%; height: auto; margin-top: 0.5rem; }
.rule { stroke: var(--rule); }
.tick { fill: var(--soft); font-size: 12px; }
.line { fill: none; stroke: var(--accent); stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.dot { fill: var(--accent); stroke: var(--card); stroke-width: 2; }
.last { fill: var(--ink); font-size: 13px; font-weight: 600; }
.queries { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 34rem), 1fr)); gap: 1.25rem; }
.query ol { list-style: none; margin: 0.9rem 0 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(5.4rem, 1fr)); gap: 0.75rem 0.5rem; }
.query li { text-align: center; font-size: 0.78rem; line-height: 1.25; min-width: 0; }
.query img { display: block; margin: 0 auto 0.4rem; padding: 6px; width: 76px; height: 76px; background: var(--plate); border: 1px solid var(--rule); border-radius: 12px; }
.query li.new img { border: 2px dashed var(--accent); }
.query li.right img { border: 4px double var(--right); }
.caption { display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; overflow-wrap: anywhere; }
.score { display: block; color: var(--soft); font-variant-numeric: tabular-nums; }
.badge { display: inline-block; padding: 0 0.45em; border-radius: 99px; font-size: 0.74rem; font-weight: 600; white-space: nowrap; }
.badge.new { color: var(--accent); background: var(--wash); }
.badge.right { color: var(--right); background: var(--right-wash); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
footer { padding-block: 1rem 3rem; color: var(--soft); font-size: 0.85rem; }
@media (max-width: 60rem) { .measures { grid-template-columns: 1fr; } }
@media (max-width: 34rem) {
  header { padding-top: 1.75rem; }
  th:nth-child(4) { width: auto; }
  .bar { display: none; }
}
`;
