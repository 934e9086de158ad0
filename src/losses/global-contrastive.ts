// FastCLIP's global contrastive loss (Wei et al. 2024, arXiv 2407.01445): three pure functions.
// b anchors of this rank, B anchors of all ranks, E embedding. Every exponential is taken of a difference of logs,
// so nothing overflows or underflows at tau = 0.01; eps sits inside the logs.
import type { DType, Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** One value per sample for each kind of anchor. */
export interface PerAnchor {
  image: Tensor;
  text: Tensor;
}

/** The features of one rank, with gradient, and those of all ranks without; equal rows when there is one rank. */
export interface ContrastiveBatch {
  local: PerAnchor; // [b, E]
  global: PerAnchor; // [B, E], detached unless `gathersGradient`
  similarity: Similarity;
  /** bool [b, B]: true where candidate j is not anchor i itself nor a duplicate of it. */
  negatives: Tensor;
}

/** How this rank's anchors meet all candidates, with gradient. */
export interface Similarity {
  image: Tensor; // [b, B] local images, all texts
  text: Tensor; // [b, B] local texts, all images
  positive: Tensor; // [b] s_ii
}

export function similarityOf(local: PerAnchor, global: PerAnchor): Similarity {
  return {
    image: local.image.matmul(global.text.t),
    text: local.text.matmul(global.image.t),
    positive: local.image.mul(local.text).sum(1),
  };
}

/** Samples that differ: bool [b, B]. A duplicate id in a batch is no negative of itself. */
export function negativesOf(localIds: Tensor, globalIds: Tensor): Tensor {
  return ops.ne_Tensor(localIds.unsqueeze(1), globalIds.unsqueeze(0));
}

/**
 * log of the number of negatives of each sample of a global batch: B less how often its id occurs in it.
 * @param ids int64 [B]. @returns [B]; 0 for a sample without any, whose sum over them is 0 already.
 */
export function logNegativeCount(ids: Tensor, dtype: DType): Tensor {
  const order = ops.argsort(ids);
  const place = (right: boolean) => ops.searchsorted_Tensor(ids, ids, false, right, undefined, order);
  return place(false).sub(place(true)).add(ids.shape[0]).to(dtype).clamp(1, null).log();
}

/**
 * Inner function, section 1.2:  g_i = 1/|B_i-| sum_{j in B_i-} exp(h_ij / tau),  h_ij = s_ij - s_ii.
 * @param similarity [b, B] anchor i against candidate j. @param positive [b] s_ii. @param tau scalar, or [b].
 * @param logCount [b] log |B_i-|. @returns log g [b]; -inf for an anchor without negatives.
 */
export function logInnerEstimate(
  similarity: Tensor,
  positive: Tensor,
  { negatives, logCount, tau }: { negatives: Tensor; logCount: Tensor; tau: Tensor },
): Tensor {
  const scaled = similarity.sub(positive.unsqueeze(1)).div(tau.dim === 0 ? tau : tau.unsqueeze(1));
  const masked = ops.masked_fill_Scalar(scaled, negatives.logicalNot(), Number.NEGATIVE_INFINITY);
  return ops.logsumexp(masked, [1]).sub(logCount);
}

/**
 * Moving average, section 1.4, in the log domain with eps inside (10.1): with L = log(eps + u),
 *   log(eps + (1 - gamma) u + gamma g) = logaddexp(log(1 - gamma) + L, log gamma + log(eps + g)).
 * A sample seen for the first time takes log(eps + g).
 * @param previous [b] log(eps + u). @param visited bool [b]. @param logInner [b] log g. @param gamma in (0, 1].
 */
export function movingAverage(
  previous: Tensor,
  logInner: Tensor,
  { visited, gamma, eps }: { visited: Tensor; gamma: number; eps: number },
): Tensor {
  const current = ops.logaddexp(
    logInner,
    ops.full([], Math.log(eps), logInner.dtype, undefined, logInner.device),
  );
  if (gamma >= 1) return current; // log(1 - gamma) would be -inf
  const averaged = ops.logaddexp(previous.add(Math.log1p(-gamma)), current.add(Math.log(gamma)));
  return ops.where_self(visited, averaged, current);
}

/** What the surrogate needs of every anchor: log(eps + u), tau, and the log of its number of negatives, [B] each. */
export interface AnchorState {
  logU: PerAnchor;
  logCount: Tensor;
  /** Individual temperatures; without them all anchors have the one of the options. */
  tau?: PerAnchor;
}

export interface SurrogateOptions {
  local: AnchorState; // of [b] anchors
  global: AnchorState; // of [B]
  /** The global temperature, a scalar without gradient. */
  tau: Tensor;
  /** Multiply each anchor's part by its temperature: GCL and RGCL as the paper has them. The released code does so for v3 only. */
  timesTau?: boolean;
  /** `global` carries gradient (OpenCLIP's reduction): then part a is all, and part b would count it twice. */
  gathersGradient?: boolean;
}

/** One [b, B] block of the surrogate: w_ij h_ij / tau_i, where w_ij = exp(h_ij/tau_i - log(eps+u_i)) / |B_i-| carries no gradient. */
function block(difference: Tensor, options: { tau: Tensor; logWeight: Tensor; negatives: Tensor }): Tensor {
  const scaled = difference.div(options.tau);
  const weight = scaled.detach().sub(options.logWeight).exp();
  return ops.masked_fill_Scalar(weight, options.negatives.logicalNot(), 0).mul(scaled);
}

/**
 * Surrogate loss, section 1.5. Its value means nothing; its gradient, averaged over ranks, is the estimator
 *   G = 1/2 1/|B| sum_i c_i [ grad g1_i / (u1_i + eps) + grad g2_i / (u2_i + eps) ],   c_i = tau_i with `timesTau`, else 1.
 * Part a lets gradient through the anchors of this rank, part b through its candidates, so that features of other
 * ranks are needed only detached. Temperatures carry no gradient here: theirs has a closed form.
 *
 * @returns `loss`: scalar with gradient; `a`: [b] per anchor, sum_j w_ij h_ij / tau_i (section 1.6), detached.
 */
export function surrogateLoss(
  batch: ContrastiveBatch,
  options: SurrogateOptions,
): { loss: Tensor; a: PerAnchor } {
  const { global, similarity, negatives } = batch;
  const { timesTau = false, gathersGradient = false } = options;

  /** A block whose anchors stand in rows (`dim` 1: of this rank) or in columns (`dim` 0: of all ranks). */
  const part = (
    difference: Tensor,
    side: keyof PerAnchor,
    { state, dim }: { state: AnchorState; dim: 0 | 1 },
  ) => {
    const tau = state.tau ? state.tau[side].unsqueeze(dim) : options.tau;
    const value = block(difference, {
      tau,
      logWeight: state.logU[side].add(state.logCount).unsqueeze(dim),
      negatives,
    });
    return { value, forLoss: timesTau ? value.mul(tau) : value };
  };

  // a: anchors of this rank, all candidates; the anchor's own pair with gradient.
  const rows = { state: options.local, dim: 1 } as const;
  const positive = similarity.positive.unsqueeze(1); // [b, 1]
  const aImage = part(similarity.image.sub(positive), 'image', rows);
  const aText = part(similarity.text.sub(positive), 'text', rows);
  const parts = [aImage.forLoss, aText.forLoss];
  if (!gathersGradient) {
    // b: all anchors, candidates of this rank. A candidate text j meets image anchor i at similarity.text[j, i].
    const columns = { state: options.global, dim: 0 } as const;
    const others = global.image.mul(global.text).sum(1).unsqueeze(0); // [1, B], without gradient
    parts.push(part(similarity.text.sub(others), 'image', columns).forLoss);
    parts.push(part(similarity.image.sub(others), 'text', columns).forLoss);
  }
  const loss = parts
    .reduce((sum, next) => sum.add(next))
    .sum()
    .mul(0.5 / batch.local.image.shape[0]);
  return { loss, a: { image: aImage.value.detach().sum(1), text: aText.value.detach().sum(1) } };
}

/** Which gradient a temperature gets: that of the loss, or what the released code's autograd gives (section 1.6). */
export type GradientForm = 'exact' | 'released';

const meanOfBoth = (pair: PerAnchor): Tensor => pair.image.add(pair.text).mean();

/** The released code's surrogate lets the scale carry gradient in both of its parts, so it counts `a` twice. */
const shareOfA = (form: GradientForm): number => (form === 'exact' ? 0.5 : 1);

/**
 * The global temperature's gradient for RGCL-g (v3), halved like the rest, section 1.6:
 *   dL/dtau = rho + 1/2 mean(log(eps+u1) + log(eps+u2)) - c mean(a1 + a2),   c = 1/2 `exact`, 1 `released`.
 */
export function temperatureGradient(
  logU: PerAnchor,
  a: PerAnchor,
  { rho, form }: { rho: number; form: GradientForm },
): Tensor {
  return meanOfBoth(logU)
    .mul(0.5)
    .sub(meanOfBoth(a).mul(shareOfA(form)))
    .add(rho);
}

/** The same for v0, whose loss is not multiplied by tau: dL/dtau = -c / tau mean(a1 + a2). */
export function plainTemperatureGradient(
  a: PerAnchor,
  { tau, form }: { tau: Tensor; form: GradientForm },
): Tensor {
  return meanOfBoth(a).div(tau).mul(-shareOfA(form));
}

/** RGCL's gradient of each anchor's own temperature (v2), section 1.6, kept within +-5: log(eps + u_i) + rho - a_i, [b] each. */
export function individualTemperatureGradient(logU: PerAnchor, a: PerAnchor, rho: number): PerAnchor {
  const of = (side: keyof PerAnchor) => logU[side].sub(a[side]).add(rho).clamp(-5, 5);
  return { image: of('image'), text: of('text') };
}
