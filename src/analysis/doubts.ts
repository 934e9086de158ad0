import type { Analysis } from './schema.ts';

/** Reasons to doubt the numbers, a sentence each. */
export function doubtsOf({ snapshots, settings: { samples, datasetSize } }: Analysis): string[] {
  const doubts: string[] = [];
  if (2 * samples > datasetSize)
    doubts.push(
      `${2 * samples} samples, the control's among them, are more than the ${datasetSize} of the data: pictures are used again with other crops, and intervals describe crops more than pictures`,
    );
  for (const { share, groups } of snapshots)
    for (const [name, { gradientSquared, control }] of Object.entries(groups)) {
      const where = `at ${Math.round(share * 100)} % (${name})`;
      if (gradientSquared.low <= 0)
        doubts.push(
          `${where} the true gradient cannot be told from zero, so its errors mean little: raise --samples`,
        );
      if (control && (control.low > 0 || control.high < 0))
        doubts.push(
          `${where} whole sequences on other samples seem biased, as one interval in twenty is by chance`,
        );
    }
  return doubts;
}
