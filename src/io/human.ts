/** Seconds as `4 s`, `2 min 05 s`, `1 h 02 min`, `3 d 04 h`; `?` when unknown. */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?';
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`;
}

const THOUSANDS = ['', ' k', ' M', ' G', ' T'];

/** Three significant digits: `0.0123`, `7.5`, `812`, `12.3 k`, `4.56 M`; `?` when unknown. */
export function formatCount(value: number): string {
  if (!Number.isFinite(value)) return '?';
  let scaled = Number(value.toPrecision(3));
  let power = 0;
  while (Math.abs(scaled) >= 1000 && power < THOUSANDS.length - 1) {
    scaled = Number((scaled / 1000).toPrecision(3));
    power++;
  }
  return `${scaled}${THOUSANDS[power]}`;
}

/** Always four significant digits, so that a live line keeps its width: `2.000`, `0.01230`, `NaN`. */
export const formatLoss = (loss: number): string =>
  Number.isFinite(loss) ? loss.toPrecision(4) : String(loss);
