export { candidatesOf, onlineInFull } from './candidates.ts';
export { OnlineCompression, type OnlineState } from './controller.ts';
