import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CoupletError, withCleanUp } from '../errors.ts';
import { writeFolderAtomically } from '../io/atomic.ts';
import { onHost } from '../io/checkpoint.ts';
import { type VariantName, variants } from '../onnx/index.ts';
import { type LoadedRun, type LoadRunOptions, loadRun } from '../run/load-run.ts';
import { noGrad } from '../torch/index.ts';
import { cardOf } from './card.ts';
import { checkFile, type FileCheck, inputsIn } from './check.ts';
import { styled } from './fit.ts';
import { heldOutOf } from './held-out.ts';
import { PARITY_FILE, writeParity, writeTests } from './parity.ts';
import type { ExportContext, ExportTarget } from './target.ts';
import { targets } from './targets/index.ts';

export interface ExportOptions extends Pick<LoadRunOptions, 'checkpoint' | 'weights' | 'blend'> {
  /** transformers, open-clip, timm, sentence-transformers, onnx or transformers.js. */
  to: string;
  /** Folder to write. Default `exports/NAME-TARGET`. */
  out?: string;
  /** For the model card, by Hugging Face's ids, such as apache-2.0. */
  license?: string;
  /** Of ONNX. Default: all. */
  variants?: readonly VariantName[];
  /** Takes the student of DINO in place of its teacher. */
  student?: boolean;
  /** Replaces an older export. */
  force?: boolean;
  /** What is being done. */
  onProgress?: (text: string) => void;
}

export interface ExportResult {
  out: string;
  target: string;
  checkpoint: string;
  step: number;
  /** Each file against the run. */
  files: FileCheck[];
  /** What a person should know. */
  remarks: string[];
}

/**
 * Writes a run's model as a folder that another program loads, with tokenizer, preprocessing, model card and parity.json
 * (docs/export.md). The folder is whole or absent, and was compared with the run.
 * @throws CoupletError for a run that cannot be loaded, a model that the program does not have, and a folder that is there
 */
export async function exportRun(runDir: string, options: ExportOptions): Promise<ExportResult> {
  const target = targetNamed(options.to);
  checkOptions(options);
  const { onProgress = () => undefined, blend } = options;
  onProgress('reading the run');
  const { checkpoint, weights } = options;
  const run = await loadRun(runDir, {
    ...(checkpoint !== undefined && { checkpoint }),
    ...(weights !== undefined && { weights }),
    ...(blend !== undefined && { blend }),
    set: ['precision=float32', 'device=cpu'],
  });
  return withCleanUp(
    async () => {
      const out = resolve(options.out ?? join('exports', `${run.config.name}-${target.name}`));
      refuseOld(out, options.force ?? false);
      const model = styled(run.model);
      const lacks = target.lacks(model);
      if (lacks.length > 0) throw unfit(runDir, target, lacks, model);
      const context: ExportContext = {
        run,
        runDir,
        model,
        prefix: netOf(run, options.student ?? false),
        weights: onHost(run.method.model),
        variants: options.variants ?? (Object.keys(variants) as VariantName[]),
        heldOut: () => heldOutOf(run),
        progress: onProgress,
      };
      let result: Pick<ExportResult, 'files' | 'remarks'> | undefined;
      await writeFolderAtomically(out, async (folder) => {
        result = await fill(folder, target, { context, license: options.license, blend });
      });
      return { out, target: target.name, checkpoint: run.checkpoint, step: run.step, ...result! };
    },
    () => run.close(),
  );
}

async function fill(
  folder: string,
  target: ExportTarget,
  {
    context,
    license,
    blend,
  }: { context: ExportContext; license: string | undefined; blend: number | undefined },
): Promise<Pick<ExportResult, 'files' | 'remarks'>> {
  const { run, progress } = context;
  const tests = await writeTests(folder, run, { target: target.name, blend });
  const { files, remarks } = await target.write(folder, context);
  const inputs = await inputsIn(folder, tests);
  const checks: FileCheck[] = [];
  const named: typeof files = [];
  for (const file of files) {
    progress(`comparing ${file.file} with the run`);
    const check = await checkFile(folder, file, { parity: tests, inputs });
    if (!check.passes)
      throw new CoupletError(
        `${file.file} differs from the run by ${check.worst.toExponential(1)}, expected at most ${file.worst}. Nothing is written. This is a defect of Couplet: please report it.`,
      );
    // Other machines add in another order.
    named.push(
      file.worst === undefined ? { ...file, cosine: Math.floor(check.cosine * 1e4 - 10) / 1e4 } : file,
    );
    checks.push({ ...check, ...(file.worst === undefined && { bar: { cosine: named.at(-1)!.cosine! } }) });
  }
  await writeParity(folder, { ...tests, files: named });
  await writeFile(join(folder, 'README.md'), cardOf(target, context, { license, blend, checks, remarks }));
  return { files: checks, remarks };
}

function targetNamed(name: string): ExportTarget {
  const target = targets.find((each) => each.name === name);
  if (target) return target;
  throw new CoupletError(
    `There is no target ${name}: expected ${targets.map((each) => each.name).join(', ')}.`,
  );
}

const LICENSE = /^[a-z0-9][a-z0-9.+-]*$/i;

function checkOptions({ license, variants: chosen }: ExportOptions): void {
  if (license !== undefined && !LICENSE.test(license))
    throw new CoupletError(
      `--license is ${JSON.stringify(license)}: expected an id such as apache-2.0 or cc-by-4.0.`,
    );
  const unknown = chosen?.find((name) => !Object.hasOwn(variants, name));
  if (unknown !== undefined)
    throw new CoupletError(`There is no variant ${unknown}: expected ${Object.keys(variants).join(', ')}.`);
}

/** Only an older export is replaced, and only when asked. */
function refuseOld(out: string, force: boolean): void {
  if (!existsSync(out)) return;
  const isExport = existsSync(join(out, PARITY_FILE));
  if (force && isExport) return;
  throw new CoupletError(
    isExport
      ? `${out} is there already: give --force to replace it, or another --out.`
      : `${out} is there already, and is no export: give another --out.`,
  );
}

function unfit(
  runDir: string,
  { name }: ExportTarget,
  lacks: readonly string[],
  model: ExportContext['model'],
): CoupletError {
  const others = targets.filter((each) => each.lacks(model).length === 0).map((each) => each.name);
  return new CoupletError(
    `${name} cannot have the model of ${runDir}: it has ${lacks.join(', ')}. Use --to ${others.join(' or ')}.`,
  );
}

/** Before the names of the tensors that `encodeImages` uses. The student's numbers take the teacher's place when asked. */
function netOf({ method, config }: LoadedRun, student: boolean): string {
  const names = [...method.model.keys()];
  const has = (prefix: string) => names.some((name) => name.startsWith(prefix));
  const teacher = 'teacher.backbone.';
  if (student && !has(teacher))
    throw new CoupletError(`--student is for runs of dino: the method ${config.method.name} has no teacher.`);
  if (!has('backbone.')) return 'visual.';
  if (!has(teacher)) return 'backbone.';
  if (student)
    noGrad(() => {
      for (const name of names)
        if (name.startsWith(teacher))
          method.model.get(name)!.copy_(method.model.get(name.slice('teacher.'.length))!);
    });
  return teacher;
}
