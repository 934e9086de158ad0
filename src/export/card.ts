// README.md of an export: a model card.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { runPaths } from '../io/checkpoint-files.ts';
import { readJsonFile } from '../io/json-file.ts';
import { readMetrics } from '../io/metrics.ts';
import { hasTexts } from '../models/registry.ts';
import type { FileCheck } from './check.ts';
import type { ExportContext, ExportTarget } from './target.ts';

export interface CardOptions {
  license?: string | undefined;
  blend?: number | undefined;
  checks: readonly FileCheck[];
  remarks: readonly string[];
}

/** Markdown, with the metadata that model hubs read. */
export function cardOf(target: ExportTarget, context: ExportContext, options: CardOptions): string {
  const { run, model } = context;
  const { name, method } = run.config;
  const { language, lines } = target.usage(model);
  const block = (kind: string, text: string) => `\`\`\`${kind}\n${text}\n\`\`\``;
  return [
    frontMatter(target, context, options.license),
    `# ${name}`,
    `${hasTexts(model) ? 'Image and text encoders' : 'An image encoder'}, trained by Couplet with the method ${method.name}. The files are for ${target.name}.`,
    '## Use',
    block(language, lines.join('\n')),
    hasTexts(model)
      ? 'Features of pictures and texts are compared by their cosine.'
      : 'Compare features by their cosine.',
    '## Data and method',
    ...dataLines(context),
    weightsLine(context, options.blend),
    '## Results',
    ...resultLines(context),
    '## Compared with the run',
    'Features of the test pictures and texts in `parity.json`, recomputed from these files:',
    checkTable(options.checks),
    ...options.remarks,
    '## Config',
    block('json', JSON.stringify(configOf(context), null, 2)),
    '',
  ].join('\n\n');
}

function frontMatter(
  target: ExportTarget,
  { run, model }: ExportContext,
  license: string | undefined,
): string {
  const tags = ['couplet', run.config.method.name, ...(hasTexts(model) ? ['clip'] : ['self-supervised'])];
  return [
    '---',
    `license: ${license ?? 'unknown'}`,
    `library_name: ${target.library}`,
    `pipeline_tag: ${target.pipeline(model)}`,
    'tags:',
    ...tags.map((tag) => `- ${tag}`),
    '---',
  ].join('\n');
}

const dataSchema = z.looseObject({ samples: z.int(), classes: z.array(z.string()).optional() });

function dataLines({ run, runDir }: ExportContext): string[] {
  const path = join(runDir, 'data.json');
  const { imageSize, config } = run;
  const data = existsSync(path)
    ? readJsonFile(path, dataSchema, 'The run wrote it.', { anyKeys: true })
    : undefined;
  return [
    data
      ? `Trained on ${data.samples.toLocaleString('en')} samples${data.classes ? ` of ${data.classes.length} classes` : ''}.`
      : 'The run left no description of its data.',
    `Pictures: the shorter side resized to ${imageSize} pixels (bicubic), the middle cut out, mean ${config.data.mean.join(', ')}, deviation ${config.data.std.join(', ')}.`,
  ];
}

function weightsLine({ run: { step, weights } }: ExportContext, blend: number | undefined): string {
  const kind = weights === 'ema' ? 'averages of the weights' : 'the weights';
  const share =
    blend === undefined ? '' : `, a share of ${blend} of them and the rest of those it began with`;
  return `These are ${kind} after step ${step.toLocaleString('en')}${share}.`;
}

/** The last evaluation up to the step. */
function resultLines({ run: { step, weights }, runDir }: ExportContext): string[] {
  const { metrics } = runPaths(runDir);
  const isResult = (key: string, value: unknown) => key.startsWith('eval/') && typeof value === 'number';
  const rows = existsSync(metrics) ? readMetrics(metrics) : [];
  const last = rows
    .filter((row) => row.step <= step && Object.entries(row).some(([key, value]) => isResult(key, value)))
    .at(-1);
  if (!last) return ['This model was never evaluated.'];
  const table = Object.entries(last)
    .filter(([key, value]) => isResult(key, value))
    .map(([key, value]) => `| ${key.slice('eval/'.length)} | ${Number(Number(value).toPrecision(4))} |`);
  const when = last.step === step ? '' : ` The evaluation was at step ${last.step}, before these weights.`;
  return [
    `Of the run's own evaluation.${when}${weights === 'ema' ? ' It measured the averages.' : ''}`,
    ['| measure | value |', '| --- | --- |', ...table].join('\n'),
  ];
}

const checkTable = (checks: readonly FileCheck[]) =>
  [
    '| file | greatest difference | lowest cosine |',
    '| --- | --- | --- |',
    ...checks.map(
      ({ file, worst, cosine }) => `| ${file} | ${worst.toExponential(1)} | ${cosine.toFixed(5)} |`,
    ),
  ].join('\n');

/** Without paths of the machine that trained. */
function configOf({ run: { config }, model }: ExportContext): object {
  const { method, seed, precision, compression, batch, duration, optimizer, schedule } = config as Record<
    string,
    unknown
  > & { method: unknown };
  const isSmall = typeof compression === 'object' && compression !== null && !('file' in compression);
  return {
    method,
    model,
    seed,
    precision,
    batch,
    duration,
    optimizer,
    schedule,
    ...(isSmall && { compression }),
  };
}
