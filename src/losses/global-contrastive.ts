// FastCLIP's global contrastive loss (Wei et al. 2024, arXiv 2407.01445): three pure functions.
// b anchors of this rank, B anchors of all ranks, E embedding; [2, ...] is image anchors, then text anchors: one kernel for both.
// Every exponential is taken of a difference of logs, so nothing overflows or underflows at tau = 0.01; eps sits inside the logs.
import { type DType, noGrad, type Tensor } from '../torch/index.ts';
import * as ops from '../torch/ops.ts';

/** One value per sample for each kind of anchor. */
export interface PerAnchor {
  image: Tensor;
  text: Tensor;
}

/** The features of one rank, with gradient, and those of all ranks, without unless `gathersGradient`. */
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
  difference: Tensor; // [2, b, B] h_ij = s_ij - s_ii
}

/** `global` may be `local` itself, when there is one rank: then one product has it all. */
export function similarityOf(local: PerAnchor, global: PerAnchor): Similarity {
  const isAll = local.image === global.image && local.text === global.text;
  const image = local.image.matmul(global.text.t);
  const text = isAll ? image.t : local.text.matmul(global.image.t);
  const positive = isAll ? image.diagonal() : local.image.mul(local.text).sum(1);
  return { image, text, positive, difference: bothOf({ image, text }).sub(positive.unsqueeze(1)) };
}

/** Both kinds of anchors in one tensor, [...] each -> [2, ...]. */
const bothOf = ({ image, text }: PerAnchor): Tensor => ops.stack([image, text]);

/** And back, without a copy. */
export function eachOf(both: Tensor): PerAnchor {
  const [image, text] = both.unbind(0);
  return { image, text };
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

/** logNegativeCount() where the anchors are all samples, from their mask [B, B], which spares the sorting. */
export function logNegativeCountIn(negatives: Tensor, dtype: DType): Tensor {
  return negatives.sum(1).to(dtype).clamp(1, null).log();
}

/**
 * Inner function, section 1.2:  g_i = 1/|B_i-| sum_{j in B_i-} exp(h_ij / tau),  h_ij = s_ij - s_ii.
 * @param difference h, [..., b, B] anchor i against candidate j. @param tau scalar, or [..., b].
 * @param logCount [b] log |B_i-|. @returns log g [..., b]; -inf for an anchor without negatives.
 */
export function logInnerEstimate(
  difference: Tensor,
  { negatives, logCount, tau }: { negatives: Tensor; logCount: Tensor; tau: Tensor },
): Tensor {
  const scaled = difference.div(tau.dim === 0 ? tau : tau.unsqueeze(-1));
  const masked = ops.where_ScalarOther(negatives, scaled, Number.NEGATIVE_INFINITY);
  return ops.logsumexp(masked, [-1]).sub(logCount);
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

/** w_ij = exp(h_ij/tau_i - log(eps+u_i)) / |B_i-|, which carries no gradient, of a [2, b, B] block; 0 where j is no negative of i. */
function weightsOf(
  difference: Tensor,
  { tau, logWeight, negatives }: { tau: Tensor; logWeight: Tensor; negatives: Tensor },
): Tensor {
  return noGrad(() => ops.where_ScalarOther(negatives, difference.div(tau).sub(logWeight).exp(), 0));
}

/** Where the anchors of a [2, b, B] block stand, and so over which dimension their candidates are summed. */
const CANDIDATES = { anchorsInRows: 2, anchorsInColumns: 1 } as const;

/**
 * Surrogate loss, section 1.5:  L = 1/2 1/|B| sum_i c_i sum_j w_ij h_ij / tau_i  of both kinds of anchors. Its value means nothing; its
 * gradient, averaged over ranks, is the estimator
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
  const { local, global, similarity, negatives } = batch;
  const { timesTau = false, gathersGradient = false } = options;

  /** sum_j w_ij h_ij of each anchor, [2, anchors], and its temperature. */
  const part = (difference: Tensor, state: AnchorState, anchors: keyof typeof CANDIDATES) => {
    const dim = CANDIDATES[anchors];
    const tau = state.tau ? bothOf(state.tau) : options.tau;
    const weights = weightsOf(difference, {
      tau: tau.dim === 0 ? tau : tau.unsqueeze(dim),
      logWeight: bothOf(state.logU).add(state.logCount).unsqueeze(dim),
      negatives,
    });
    return { sums: weights.mul(difference).sum(dim), tau };
  };
  const total = ({ sums, tau }: ReturnType<typeof part>) => (timesTau ? sums : sums.div(tau)).sum();

  // a: anchors of this rank, all candidates; the anchor's own pair with gradient.
  const a = part(similarity.difference, options.local, 'anchorsInRows');
  let sum = total(a);
  if (!gathersGradient) {
    // b: all anchors, candidates of this rank. A candidate text j meets image anchor i at similarity.text[j, i].
    const others = global.image.mul(global.text).sum(1); // [B], without gradient
    const met = bothOf({ image: similarity.text, text: similarity.image }).sub(others);
    sum = sum.add(total(part(met, options.global, 'anchorsInColumns')));
  }
  return { loss: sum.mul(0.5 / local.image.shape[0]), a: eachOf(a.sums.detach().div(a.tau)) };
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
  const [logs, pulls] = [logU, a].map(({ image, text }) => image.add(text));
  return logs.mul(0.5).add(pulls, -shareOfA(form)).mean().add(rho);
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
