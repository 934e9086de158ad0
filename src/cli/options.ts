/** Help of `--set`, which several verbs have. */
export const SET_HELP = 'set one value of the config, as optimizer.peakLr=1e-3; may be given again';

/** Gathers a flag that may be given several times. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
