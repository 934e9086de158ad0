// Writes the model of a run for transformers, open_clip, timm or another program, and compares the files with the run.
//
//   node --import jiti/register examples/export.ts RUN PROGRAM OUT
//   node --import jiti/register examples/export.ts runs/clip open-clip exported
//
// Takes seconds. The command does the same: npx couplet export runs/clip --to open-clip --out exported
// docs/export.md says which program takes which model, and how it loads the folder.

import { checkExport, exportRun } from 'couplet';

const [runDir = 'runs/clip', to = 'open-clip', out = 'exported'] = process.argv.slice(2);

const { files, remarks, checkpoint } = await exportRun(runDir, {
  to,
  out,
  license: 'apache-2.0',
  onProgress: (text) => console.error(text),
});
console.log(`${out}: ${files.map(({ file }) => file).join(', ')} from ${checkpoint}`);
for (const remark of remarks) console.log(remark);

const check = await checkExport(out); // from the files alone
for (const { file, worst } of check.files)
  console.log(`${file}: features differ by at most ${worst.toExponential(1)}`);
