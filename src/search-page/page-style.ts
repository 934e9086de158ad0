/** `page.css`. Colours are named once for light and once for dark. */
export const STYLE = `:root {
  color-scheme: light dark;
  --paper: #faf8f4; --card: #ffffff; --ink: #1d1b18; --soft: #67615a; --rule: #e2dcd2; --accent: #b3402b; --wash: #f6e3dc;
  --shadow: 0 1px 2px rgb(60 50 30 / 8%), 0 6px 20px rgb(60 50 30 / 7%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161513; --card: #211f1c; --ink: #f0ece5; --soft: #a8a198; --rule: #3a3731; --accent: #f08e76; --wash: #45251d;
    --shadow: 0 1px 2px rgb(0 0 0 / 40%);
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
body { margin: 0; min-height: 100vh; background: var(--paper); color: var(--ink); font: 16px/1.45 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header, main, footer { max-width: 80rem; margin: 0 auto; padding: 0 clamp(1rem, 4vw, 2rem); }
header { padding-top: clamp(1.25rem, 4vw, 2.75rem); }
h1 { margin: 0 0 1rem; font: 600 clamp(1.5rem, 4vw, 2.4rem)/1.2 "Iowan Old Style", Palatino, Georgia, "DejaVu Serif", serif; letter-spacing: -0.015em; overflow-wrap: anywhere; }
button, input { font: inherit; color: inherit; }
button { cursor: pointer; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
svg { flex: none; display: block; }
#search { display: flex; align-items: center; gap: 0.6rem; max-width: 46rem; padding: 0.35rem 0.4rem 0.35rem 1rem; background: var(--card); border: 1px solid var(--rule); border-radius: 99px; box-shadow: var(--shadow); color: var(--soft); }
#search:focus-within { border-color: var(--accent); box-shadow: 0 0 0 3px var(--wash); }
#words { flex: 1; min-width: 0; border: 0; padding: 0.55rem 0; background: none; outline: none; font-size: 1.1rem; color: var(--ink); appearance: none; }
#words::-webkit-search-cancel-button { appearance: none; width: 0.85rem; height: 0.85rem; cursor: pointer; background: var(--soft); clip-path: polygon(0 14%, 14% 0, 50% 36%, 86% 0, 100% 14%, 64% 50%, 100% 86%, 86% 100%, 50% 64%, 14% 100%, 0 86%, 36% 50%); }
#words::placeholder { color: var(--soft); opacity: 1; }
#pick { display: flex; align-items: center; gap: 0.45rem; border: 0; border-radius: 99px; padding: 0.6rem 1rem; background: var(--wash); color: var(--accent); font-weight: 600; }
#pick:hover { filter: brightness(0.97) saturate(1.2); }
.hint { margin: 0.6rem 0 0 1rem; color: var(--soft); font-size: 0.9rem; }
#like { display: flex; align-items: center; gap: 0.9rem; max-width: 46rem; margin-top: 1rem; padding: 0.5rem 0.75rem 0.5rem 0.5rem; border: 1px solid var(--rule); border-radius: 16px; background: var(--card); }
#like-image { width: 4rem; height: 4rem; object-fit: contain; border-radius: 10px; background: #fff; }
#like p { flex: 1; min-width: 0; margin: 0; color: var(--soft); }
#like b { color: var(--ink); font-weight: 600; overflow: hidden; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow-wrap: anywhere; }
#clear { border: 0; border-radius: 99px; padding: 0.55rem; background: none; color: var(--soft); }
#clear:hover { background: var(--wash); color: var(--accent); }
#error { max-width: 46rem; margin: 1rem 0 0; padding: 0.7rem 1rem; border-left: 4px solid var(--accent); border-radius: 0 10px 10px 0; background: var(--wash); overflow-wrap: anywhere; }
#loading { display: flex; flex-wrap: wrap; align-items: center; gap: 0.3rem 0.8rem; max-width: 44rem; margin: 0.9rem 0 0 1rem; font-size: 0.9rem; color: var(--soft); font-variant-numeric: tabular-nums; }
progress { flex: 1; min-width: 8rem; height: 6px; appearance: none; border: 0; border-radius: 99px; overflow: hidden; background: var(--rule); }
progress::-webkit-progress-bar { background: var(--rule); }
progress::-webkit-progress-value { background: var(--accent); }
progress::-moz-progress-bar { background: var(--accent); }
#status { min-height: 1.45em; margin: 1.4rem 0 0.8rem; color: var(--soft); font-size: 0.9rem; font-variant-numeric: tabular-nums; }
#results { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(9.5rem, 42vw), 1fr)); gap: clamp(0.6rem, 2vw, 1.1rem); }
#results li { min-width: 0; }
.card { position: relative; display: block; width: 100%; padding: 0; border: 0; background: none; text-align: start; border-radius: 14px; }
.plate { display: grid; place-items: center; aspect-ratio: 1; overflow: hidden; border: 1px solid var(--rule); border-radius: 14px; background: #fff; transition: border-color 0.15s, box-shadow 0.15s; }
.plate img { width: 100%; height: 100%; object-fit: contain; }
.card:hover .plate { border-color: var(--accent); box-shadow: var(--shadow); }
.text { display: flex; gap: 0.5rem; align-items: baseline; margin: 0.45rem 0.15rem 0; font-size: 0.86rem; line-height: 1.35; min-height: 1.35em; }
.caption { flex: 1; min-width: 0; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; overflow: hidden; overflow-wrap: anywhere; unicode-bidi: isolate; }
.score { color: var(--soft); font-size: 0.78rem; font-variant-numeric: tabular-nums; }
#more { display: block; margin: 2rem auto 0; padding: 0.65rem 1.6rem; border: 1px solid var(--rule); border-radius: 99px; background: var(--card); }
#more:hover { border-color: var(--accent); color: var(--accent); }
footer { padding-block: 2.5rem; color: var(--soft); font-size: 0.85rem; }
#veil { position: fixed; inset: 0; display: grid; place-items: center; background: color-mix(in srgb, var(--paper) 82%, transparent); backdrop-filter: blur(3px); pointer-events: none; }
#veil p { display: flex; gap: 0.6rem; align-items: center; margin: 0; padding: 2rem 3rem; border: 2px dashed var(--accent); border-radius: 20px; background: var(--card); color: var(--accent); font-weight: 600; font-size: 1.2rem; }
@media (max-width: 34rem) { #pick span { display: none; } #pick { padding: 0.6rem; } .hint { margin-inline-start: 0.25rem; } }
@media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
`;
