import { CoupletError } from '../errors.ts';
import { backends, hasReducer, type ProcessGroup, type Reduction } from '../torch/dist.ts';
import { type Tensor, TorchError, tensor } from '../torch/index.ts';
import { FlatAverager, OverlappedAverager, type Params } from './gradients.ts';
import type { AveragerOptions, GradientAverager, Ranks, Traffic } from './group.ts';
import { Meeting } from './meeting.ts';
import type { Place } from './ranks.ts';

/** Calls of anyWants() on a GPU before the first vote is read. */
const GPU_VOTE_DELAY_CALLS = 2;

/** Errors with their cause on another rank; those in backward() do not name a collective. */
const LOST_RANK =
  / failed on rank \d+ of \d+: |gloo|NCCL|Connection (?:closed|reset)|Timed out waiting|Broken pipe/i;

function refuseBackend(device: string): void {
  const { gloo, nccl } = backends();
  if (device === 'cpu' && !gloo)
    throw new CoupletError(
      'Several ranks on the CPU need Gloo, and this libtorch came without its headers, as pip wheels do. Use one rank, GPUs, or the libtorch of Debian (apt-get install libtorch-dev libgloo-dev, then LIBTORCH=system scripts/setup).',
    );
  if (device !== 'cpu' && !nccl)
    throw new CoupletError(
      'Several ranks on GPUs need NCCL, and the addon was built without: nccl.h was not found. Set NCCL_HOME to the folder that holds include/nccl.h, then run scripts/setup again.',
    );
}

/** Throws a CoupletError when, within the timeout, a rank is missing or was started differently. */
export function connect(place: Place, options: { device: string; timeoutMs: number }): Ranks {
  refuseBackend(options.device);
  const meeting = Meeting.join(place, options.timeoutMs);
  try {
    meeting.checkSame('kind of device', options.device.replace(/:\d+$/, ''));
    const group = meeting.group(options.device);
    meeting.barrier('the start');
    return new Connected(place, { meeting, group, device: options.device });
  } catch (error) {
    throw meeting.failed(error, error instanceof TorchError ? 'the start of the process group' : undefined);
  }
}

class Connected implements Ranks {
  readonly rank: number;
  readonly localRank: number;
  readonly worldSize: number;
  readonly #device: string;
  readonly #meeting: Meeting;
  readonly #group: ProcessGroup;
  readonly #agreed = new Set<string>();
  readonly #votes: Tensor[] = [];
  #stop = false;
  #closed = false;

  constructor(
    { rank, localRank, worldSize }: Place,
    parts: { meeting: Meeting; group: ProcessGroup; device: string },
  ) {
    this.rank = rank;
    this.localRank = localRank;
    this.worldSize = worldSize;
    this.#meeting = parts.meeting;
    this.#group = parts.group;
    this.#device = parts.device;
  }

  allGather(mine: Tensor, label: string): Tensor {
    return this.#collective('all-gather', { tensor: mine, label }, () => this.#group.allGather(mine, label));
  }
  allGatherWithGrad(mine: Tensor, label: string): Tensor {
    return this.#collective('all-gather', { tensor: mine, label }, () =>
      this.#group.allGatherWithGrad(mine, label),
    );
  }
  allReduceSum(mine: Tensor, label: string): Tensor {
    return this.#allReduce(mine, 'sum', label);
  }
  allReduceMean(mine: Tensor, label: string): Tensor {
    return this.#allReduce(mine, 'mean', label);
  }
  allReduceMax(mine: Tensor, label: string): Tensor {
    return this.#allReduce(mine, 'max', label);
  }
  reduceScatter(mine: Tensor, label: string): Tensor {
    return this.#collective('reduce-scatter', { tensor: mine, label }, () =>
      this.#group.reduceScatter(mine, label),
    );
  }
  broadcast(target: Tensor, { root = 0, label }: { root?: number; label: string }): void {
    this.#collective('broadcast', { tensor: target, label }, () =>
      this.#group.broadcast(target, root, label),
    );
  }

  barrier(what = 'a barrier'): void {
    this.#say(() => this.#meeting.barrier(what));
  }
  share(what: string, text: string | undefined): string {
    return this.#say(() => this.#meeting.share(what, text));
  }
  atWork(): void {
    this.#say(() => this.#meeting.beat());
  }
  checkSame(label: string, text: string): void {
    this.#say(() => this.#meeting.checkSame(label, text));
  }

  averager(params: Params, options: AveragerOptions = {}): GradientAverager {
    const { overlap = hasReducer(), bucketBytes = 25 << 20, label = 'gradients' } = options;
    const shapes = [...params].map(([name, { shape, dtype }]) => `${name} ${dtype} [${shape.join(', ')}]`);
    this.checkSame('parameters', shapes.join('\n'));
    const guard = <T>(collective: string, body: () => T) => this.#guard(collective, body);
    return overlap
      ? new OverlappedAverager(this.#group, params, { bucketBytes, label, guard })
      : new FlatAverager(this.#group, params, { label, guard });
  }

  anyWants(vote: boolean): boolean {
    const mine = tensor([vote ? 1 : 0], [1], { device: this.#device });
    this.#votes.push(this.allReduceMax(mine, 'votes').persist());
    mine.dispose();
    if (this.#votes.length > (this.#device === 'cpu' ? 0 : GPU_VOTE_DELAY_CALLS)) {
      const oldest = this.#votes.shift()!;
      this.#stop ||= oldest.item() > 0;
      oldest.dispose();
    }
    return this.#stop;
  }

  bytes(): Record<string, Traffic> {
    return this.#group.traffic();
  }
  resetBytes(): void {
    this.#group.resetTraffic();
  }

  failed(error: unknown): Error {
    if (this.#closed) return error as Error;
    const lost = error instanceof TorchError && LOST_RANK.test(error.message);
    return this.#break(error, lost ? 'a collective' : undefined);
  }
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#dropVotes();
    this.#meeting.close();
    this.#group.close({ broken: false });
  }

  #allReduce(mine: Tensor, reduction: Reduction, label: string): Tensor {
    return this.#collective(`all-reduce (${reduction})`, { tensor: mine, label }, () =>
      this.#group.allReduce(mine, reduction, label),
    );
  }

  /** Compares each kind of call once: ranks with different shapes would hang, or abort inside Gloo. */
  #collective<T>(name: string, { tensor, label }: { tensor: Tensor; label: string }, body: () => T): T {
    const kind = `${name} of ${label}, ${tensor.dtype} [${tensor.shape.join(', ')}]`;
    if (!this.#agreed.has(kind)) {
      this.checkSame('collective', kind);
      this.#agreed.add(kind);
    }
    return this.#guard(`the ${name} of ${label}`, body);
  }

  #guard<T>(collective: string, body: () => T): T {
    try {
      return body();
    } catch (error) {
      if (!(error instanceof TorchError) || this.#closed) throw error;
      throw this.#break(error, collective);
    }
  }

  #say<T>(body: () => T): T {
    try {
      return body();
    } catch (error) {
      throw this.#closed ? error : this.#break(error, undefined);
    }
  }

  #break(error: unknown, collective: string | undefined): Error {
    this.#closed = true;
    this.#dropVotes();
    // First, so that the other ranks stop waiting for this one.
    this.#group.close({ broken: true });
    return this.#meeting.failed(error, collective);
  }

  #dropVotes(): void {
    for (const vote of this.#votes.splice(0)) vote.dispose();
  }
}
