import { scope, type Tensor } from '../../torch/index.ts';
import { column } from '../draws.ts';
import { blend } from './blend.ts';
import { shiftHue } from './hue.ts';

/**
 * Brightness, contrast, saturation and hue in an order of each sample's own, as torchvision's ColorJitter.
 *
 * Rows come sorted by the hue's turn. The other three make three rounds (blend.ts picks what each sample does in a round), and hue,
 * the dear one, happens once: rows whose hue comes after round r run that round first, the others afterwards. Both are runs of
 * neighbouring rows, so all 24 orders cost three rounds and one hue of the whole batch.
 * @param images [n, 3, S, S], 0..255; changed in place
 * @param draws [n, COLUMNS, 1, 1], @param counts of rows whose hue has turn 0, 1, 2, 3
 * @returns the result, in the same memory or another
 */
export function colorJitter(images: Tensor, draws: Tensor, counts: readonly number[]): Tensor {
  const total = images.shape[0]!;
  /** How many rows have shifted their hue before round r. */
  const hueFirst = (round: number) => counts.slice(0, round + 1).reduce((sum, count) => sum + count, 0);
  return scope(() => {
    for (const round of [0, 1, 2]) blendRows({ images, draws }, round, [hueFirst(round), total]);
    const shifted = shiftHue(images, draws.narrow(1, column.hue, 1));
    for (const round of [0, 1, 2]) blendRows({ images: shifted, draws }, round, [0, hueFirst(round)]);
    return shifted;
  });
}

function blendRows(
  { images, draws }: { images: Tensor; draws: Tensor },
  round: number,
  [start, end]: readonly [number, number],
): void {
  if (start === end) return;
  const parameters = draws.narrow(1, column.rounds + 3 * round, 3).narrow(0, start, end - start);
  blend(images.narrow(0, start, end - start), parameters);
}
