import { escaped } from '../io/html.ts';
import { FILES, type PageFacts } from './layout.ts';

/**
 * Nothing but the page's own folder: no other host, no inline script. The engine compiles WebAssembly; a searched picture is a blob.
 * A worker's policy is the host's to send; ours requests by paths in the folder only.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const icon = (paths: string): string =>
  `<svg viewBox="0 0 24 24" width="22" height="22" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round">${paths}</svg>`;
const GLASS = icon('<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>');
const PICTURE = icon(
  '<rect x="3.5" y="4.5" width="17" height="15" rx="2.5"/><circle cx="9" cy="10" r="1.6"/><path d="m4 17 4.5-4 3.5 3 4-4.5 4.5 4.5"/>',
);
const CROSS = icon('<path d="m6 6 12 12M18 6 6 18"/>');

/** `index.html`. */
export function pageHtml({ count, text, image }: PageFacts, title: string): string {
  const hint = text ? 'Describe a picture' : 'Search with a picture';
  const disabled = text && count > 0 ? '' : ' disabled';
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${escaped(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${FILES.style}">
<script src="${FILES.page}" defer></script>
</head>
<body>
<header>
<h1 dir="auto">${escaped(title)}</h1>
<form id="search" role="search">
<label for="words" class="hidden">Search by words</label>
${GLASS}
<input id="words" type="search" placeholder="${hint}" maxlength="500" autocomplete="off" enterkeyhint="search" dir="auto" aria-keyshortcuts="/"${disabled}>
${image ? `<button id="pick" type="button" title="Search with a picture">${PICTURE}<span>Picture</span></button>` : ''}
<input id="file" type="file" accept="image/*" aria-label="A picture to search with" hidden>
</form>
${image ? '<p class="hint">Or drop or paste a picture anywhere, or choose one below: similar ones come first.</p>' : ''}
<div id="like" hidden>
<img id="like-image" alt="">
<p>Pictures like <b id="like-text" dir="auto"></b></p>
<button id="clear" type="button" aria-label="Show all pictures">${CROSS}</button>
</div>
<p id="error" role="alert" hidden></p>
<div id="loading" hidden><span id="loading-text"></span><progress id="bar" max="1" value="0" aria-labelledby="loading-text"></progress></div>
<p id="status" role="status"></p>
</header>
<main>
<noscript><p>This page searches with JavaScript. Allow it, then load the page again.</p></noscript>
<ul id="results" aria-label="Pictures"></ul>
<button id="more" type="button" hidden>Show more</button>
</main>
<footer><p>The search runs in this browser. No picture and no word leaves it.</p></footer>
<div id="veil" hidden><p>${PICTURE} Drop the picture</p></div>
</body>
</html>
`;
}
