import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import sharp from 'sharp';
import { cudaCount } from './device.ts';
import { backward, gradsOf } from './grad.ts';
import { native } from './native.ts';
import { has } from './ops.ts';
import { scope } from './scope.ts';
import { gflops } from './speed.ts';
import { tensor } from './tensor.ts';

export interface DoctorReport {
  node: string;
  cpu: { model: string; cores: number; threads: number };
  libtorch: { version: string; library: string; flashAttention: boolean; fusedAdamW: boolean };
  blas: { library: string; advice?: string };
  /** Of a product of two 1024 x 1024 matrices. */
  gflops: { float32: number; bfloat16: number };
  images: { sharp: string; libvips: string };
  cuda: { built: boolean; devices: string[]; tflopsBfloat16?: number };
  /** 'ok' or an error for each tested part. */
  smoke: Record<string, string>;
}

/** The first loaded library that matches. */
function loadedLibrary(pattern: RegExp): string | undefined {
  try {
    const paths = readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .map((line) => line.slice(line.indexOf('/')));
    return paths.find((path) => pattern.test(path));
  } catch {
    return undefined; // not Linux
  }
}

function blas(): DoctorReport['blas'] {
  const fast = loadedLibrary(/openblas|libmkl/);
  if (fast) return { library: fast };
  const config = native.versions().config;
  if (/BLAS_INFO=mkl|USE_MKL=ON/.test(config)) return { library: 'MKL, inside libtorch' };
  const plain = loadedLibrary(/libblas/);
  if (!plain) return { library: 'inside libtorch' };
  return {
    library: plain,
    advice: 'the reference BLAS is 30 times slower: install libopenblas0-pthread',
  };
}

async function attempt(body: () => unknown): Promise<string> {
  try {
    await body();
    return 'ok';
  } catch (error) {
    return (error as Error).message;
  }
}

function learns(device: string): void {
  scope(() => {
    const x = tensor([3], [1]).toDevice(device).requireGrad();
    backward(x.mul(x).sum());
    const slope = gradsOf([x])[0]?.item();
    if (slope !== 6) throw new Error(`the gradient of x^2 at 3 is ${slope}, expected 6`);
  });
}

async function decodes(): Promise<void> {
  const png = await sharp({
    create: { width: 4, height: 4, channels: 3, background: { r: 255, g: 0, b: 0 } },
  })
    .png()
    .toBuffer();
  const [red] = await sharp(png).raw().toBuffer();
  if (red !== 255) throw new Error(`a red picture came back with red ${red}`);
}

/** Lists what is installed, and tests each part. */
export async function doctor(): Promise<DoctorReport> {
  const { compiled, builtWithCuda } = native.versions();
  const devices = Array.from({ length: cudaCount() }, (_, i) => `cuda:${i} ${native.cudaName(i)}`);
  const processors = cpus();
  const gpu = devices.length > 0;
  return {
    node: process.version,
    cpu: { model: processors[0]?.model ?? 'unknown', cores: processors.length, threads: native.threads() },
    libtorch: {
      version: compiled,
      library: loadedLibrary(/libtorch_cpu/) ?? 'unknown',
      flashAttention: has('aten::scaled_dot_product_attention'),
      fusedAdamW: has('aten::_fused_adamw_'),
    },
    blas: blas(),
    gflops: { float32: gflops('float32', 'cpu', 1024), bfloat16: gflops('bfloat16', 'cpu', 1024) },
    images: { sharp: sharp.versions.sharp ?? 'unknown', libvips: sharp.versions.vips },
    cuda: {
      built: builtWithCuda,
      devices,
      ...(gpu && { tflopsBfloat16: gflops('bfloat16', 'cuda:0', 8192) / 1000 }),
    },
    smoke: {
      gradient: await attempt(() => learns('cpu')),
      images: await attempt(decodes),
      ...(gpu && { cuda: await attempt(() => learns('cuda:0')) }),
    },
  };
}
