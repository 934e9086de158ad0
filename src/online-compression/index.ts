export { candidatesOf, onlineInFull, scaleOf } from './candidates.ts';
export { OnlineCompression, type OnlineState } from './controller.ts';
