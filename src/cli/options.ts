export const SET_HELP = 'set one value of the config, as optimizer.peakLr=1e-3; may be given again';

/** commander's parser of a flag that may be repeated. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
