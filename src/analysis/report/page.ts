// One page with its pictures inside, and no scripts.
import { escaped } from '../../io/html.ts';
import { formatCount, formatDuration } from '../../io/human.ts';
import type { Analysis, AnalysisSnapshot } from '../schema.ts';
import type { Pictures } from './pictures.ts';
import { ACCENT, FAINT, INK, percent, RULE, short } from './svg.ts';

const STYLE = `
:root { color-scheme: light; }
body { font: 15px/1.55 Inter, 'Segoe UI', 'DejaVu Sans', sans-serif; color: ${INK}; background: #fff; margin: 0; }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 19px; margin: 40px 0 8px; }
p { max-width: 76ch; margin: 8px 0; } .lead { color: ${FAINT}; }
figure { margin: 14px 0; overflow-x: auto; } svg { display: block; height: auto; }
table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 14px 4px 0; text-align: right; border-bottom: 1px solid ${RULE}; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; } thead th { color: ${FAINT}; font-weight: 500; }
.best td { font-weight: 700; } .best td:first-child::after { content: ' ★'; color: ${ACCENT}; }
details { margin: 10px 0; } summary { cursor: pointer; font-weight: 600; } code { font-size: 13px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 12px 0; }
dt { color: ${FAINT}; } dd { margin: 0; }
`;

/** The report of an analysis. @param pictures by group of parameters, the most important first */
export function page(analysis: Analysis, pictures: readonly (readonly [string, Pictures])[]): string {
  const title = `Gradient error: ${analysis.run.name}`;
  const sections = pictures.map(([name, drawn], i) => section(analysis, { name, drawn, isFirst: i === 0 }));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
<main>
<h1>${escaped(title)}</h1>
<p class="lead">How far the gradient on shortened sequences is from the true one, at ${analysis.snapshots.length} snapshots of a run, and the schedule that follows from it.</p>
${facts(analysis)}
${sections.join('\n')}
${method(analysis)}
</main>
</html>
`;
}

function facts({ run, settings, cost }: Analysis): string {
  const rows = [
    [
      'run',
      `${run.method}, images of ${run.imageSize} pixels, patches of ${run.patchSize}, ${run.precision} on ${run.device}`,
    ],
    [
      'true gradient',
      `from ${settings.samples.toLocaleString('en')} samples in sub-batches of ${settings.subBatch}`,
    ],
    ['full batch', `${formatCount(settings.batchForwards)} forwards: the compute of one gradient`],
    ['cost', costText(run, cost)],
  ];
  return `<dl>${rows.map(([name, value]) => `<dt>${name}</dt><dd>${escaped(value)}</dd>`).join('')}</dl>`;
}

function costText(run: Analysis['run'], cost: Analysis['cost']): string {
  const share = run.seconds > 0 ? `, ${percent(cost.seconds / run.seconds)} of the time of the run` : '';
  return `this analysis took ${formatDuration(cost.seconds)} and ${formatCount(cost.forwards)} forwards${share}`;
}

function section(
  analysis: Analysis,
  { name, drawn, isFirst }: { name: string; drawn: Pictures; isFirst: boolean },
): string {
  const figure = (svg: string) => `<figure>${svg}</figure>`;
  const heading = HEADINGS[name] ?? name;
  const inner = `${figure(drawn.schedule)}${figure(drawn.error)}${figure(drawn.cost)}${figure(drawn.bias)}${figure(drawn.variance)}${checks(analysis.snapshots, name)}${tables(analysis, name)}`;
  return isFirst
    ? `<h2>${heading}</h2>${inner}`
    : `<h2>${heading}</h2><details><summary>show</summary>${inner}</details>`;
}

const HEADINGS: Record<string, string> = {
  all: 'The whole model',
  image: 'The image tower alone',
  adam: "The whole model, in the scale of Adam's steps",
};

const interval = ({ value, low, high }: { value: number; low: number; high: number }) =>
  `${short(value)} <small>(${short(low)} to ${short(high)})</small>`;

/** The true gradient, and whole sequences against themselves. */
function checks(snapshots: readonly AnalysisSnapshot[], name: string): string {
  const rows = snapshots.map(({ share, groups }) => {
    const { gradientSquared, control } = groups[name];
    const holds = control && control.low <= 0 && control.high >= 0 ? 'yes' : 'no';
    return `<tr><td>${percent(share)}</td><td>${interval(gradientSquared)}</td><td>${short(gradientSquared.plain)}</td>${control ? `<td>${interval(control)}</td><td>${short(control.plain)}</td><td>${holds}</td>` : ''}</tr>`;
  });
  return `<p>Checks: the squared length of the true gradient, and the squared bias of whole sequences on other samples, which is noise around zero.</p>
<table><thead><tr><th>snapshot</th><th>squared gradient</th><th>plain</th><th>control's squared bias</th><th>plain</th><th>holds zero</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
}

function tables({ snapshots }: Analysis, name: string): string {
  const rows = snapshots.map(({ share, groups }) => {
    const { candidates } = groups[name];
    const least = Math.min(...candidates.map(({ error }) => error.value));
    const lines = candidates.map(
      ({ tokenDropout, patchSize, sequenceLength, cost, biasSquared, variance, error, seconds }) =>
        `<tr${error.value === least ? ' class="best"' : ''}><td>d ${tokenDropout}, q ${patchSize}</td><td>${sequenceLength}</td><td>${short(cost)}</td><td>${interval(biasSquared)}</td><td>${short(biasSquared.plain)}</td><td>${interval(variance)}</td><td>${interval(error)}</td><td>${short(seconds)}</td></tr>`,
    );
    return `<details><summary>All numbers at ${percent(share)}</summary><table><thead><tr><th>candidate</th><th>tokens</th><th>cost</th><th>squared bias</th><th>plain</th><th>variance</th><th>error</th><th>seconds</th></tr></thead><tbody>${lines.join('')}</tbody></table></details>`;
  });
  return rows.join('\n');
}

function method({ settings, snapshots }: Analysis): string {
  const [{ groups }] = snapshots;
  const [{ candidates }] = Object.values(groups);
  return `<h2>How it was measured</h2>
<p>At each snapshot the gradient of each of ${candidates.length} candidates is averaged over the same ${settings.samples.toLocaleString('en')} samples with the same views. With G the gradient on whole sequences and g that of a candidate, both as averages: bias² = |g − G|², taken between different folds (${settings.folds}) so that noise does not meet itself; variance = K times the variance of the means of sub-batches of K = ${settings.subBatch}; error = bias² + cost / batch × variance, with the forwards of a full batch (Lin et al. 2024, section 5). All are divided by |G|². Intervals are jackknifed over the folds, 95 %.</p>
<p>A contrastive loss depends on its whole batch, so these numbers hold for batches of ${settings.subBatch}.</p>`;
}
