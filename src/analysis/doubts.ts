import type { Analysis } from './schema.ts';

/** What speaks against the numbers of an analysis, a sentence each. */
export function doubtsOf({ stages, settings: { samples, datasetSize } }: Analysis): string[] {
  const found: string[] = [];
  if (2 * samples > datasetSize)
    found.push(
      `${2 * samples} samples, the control's among them, are more than the ${datasetSize} of the data: pictures come again with other crops, and intervals are of crops more than of pictures`,
    );
  for (const { share, groups } of stages)
    for (const [name, { gradientSquared, control }] of Object.entries(groups)) {
      const where = `at ${Math.round(share * 100)} % (${name})`;
      if (gradientSquared.low <= 0)
        found.push(
          `${where} the true gradient cannot be told from zero: its errors mean little; raise --samples`,
        );
      if (control && (control.low > 0 || control.high < 0))
        found.push(
          `${where} whole sequences on other samples seem biased, which one interval in twenty does by chance`,
        );
    }
  return found;
}
