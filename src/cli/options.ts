export const SET_HELP = 'value for one key of the config, such as optimizer.peakLr=1e-3; may be repeated';

/** commander's parser of a flag that may be repeated. */
export function collect(value: string, before: string[] = []): string[] {
  return [...before, value];
}
