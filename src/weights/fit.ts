import { patchScalingTensor, scaleKernel } from '../compress/patch-scaling.ts';
import { type AnyModelSpec, hasTexts } from '../models/registry.ts';
import { prefixTokens, type VitSpec } from '../models/vit.ts';
import { bicubicGridMatrix, resizePositions } from '../nn/position.ts';
import type { Tensor } from '../torch/index.ts';
import type { OurVit } from './layouts/tables.ts';

interface Fit {
  /** Couplet's. */
  name: string;
  from: AnyModelSpec;
  to: AnyModelSpec;
  ours: OurVit;
}

/**
 * A tensor for another size of pictures, patches or context: positions by bicubic resize (as open_clip and timm), the patch projection by
 * its pseudo-inverse (FastCL 1.4), and text positions without the last.
 */
export function fitted(value: Tensor, { name, from, to, ours }: Fit): { value: Tensor; remark?: string } {
  const [stored, wanted] = [vit(from), vit(to)];
  const { names } = ours.style;
  if (stored && wanted && stored.positionEmbedding === 'learned') {
    const side = ({ imageSize, patchSize }: VitSpec) => imageSize / patchSize;
    const [base, grid] = [side(stored), side(wanted)];
    if (name === ours.prefix + names.positions && base !== grid) {
      const { device } = value;
      const matrix = bicubicGridMatrix(
        base,
        { rows: grid, columns: grid },
        { resize: 'antialiased', device },
      );
      const leading = prefixTokens({ ...stored, registers: 0 });
      const rows = value.view(-1, stored.width);
      return {
        value: resizePositions(rows, { matrix, prefixTokens: leading }),
        remark: `positions are resized from ${base} x ${base} to ${grid} x ${grid}`,
      };
    }
  }
  if (stored && wanted && name === ours.prefix + names.patchWeight && stored.patchSize !== wanted.patchSize) {
    const scaling = patchScalingTensor(stored.patchSize, wanted.patchSize, value.device);
    return {
      value: scaleKernel(value, scaling),
      remark: `the patch projection is resized from ${stored.patchSize} to ${wanted.patchSize} pixels`,
    };
  }
  if (name === 'positional_embedding' && hasTexts(from) && hasTexts(to)) {
    const [length, wantedLength] = [from.text.contextLength, to.text.contextLength];
    if (wantedLength < length)
      return {
        value: value.narrow(0, 0, wantedLength).contiguous(),
        remark: `text positions after ${wantedLength} are left out`,
      };
  }
  return { value };
}

const vit = ({ image }: AnyModelSpec): VitSpec | undefined => (image.type === 'resnet' ? undefined : image);
