// Hands on the surface: drag to turn, shift or two fingers to move, wheel or pinch to zoom, point to read.
import { panned } from "./camera";
import type { Store } from "./state";

const TURN = 0.35;
const WHEEL = 0.0014;
/** Pixels a pointer may wander and still click. */
const STILL = 4;

export interface Pointing {
  /** The pointer is over a place of a frame, or has left it. */
  point(frame: number, at: { x: number; y: number } | null): void;
  click(frame: number, at: { x: number; y: number }): void;
}

export function followPointers(frame: HTMLElement, index: number, store: Store, pointing: Pointing): void {
  const down = new Map<number, { x: number; y: number }>();
  let wandered = 0;
  const place = (event: MouseEvent): { x: number; y: number } => {
    const box = frame.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    if (down.size === 1) wandered = 0;
  });
  frame.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    const now = place(event);
    if (!before) {
      pointing.point(index, now);
      return;
    }
    const others = [...down].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    wandered += Math.hypot(now.x - before.x, now.y - before.y);
    const moving = others.length > 0 || event.shiftKey || event.buttons > 1 || store.state.flat;
    if (moving) move(store, frame, before, now, others.length ? 0.5 : 1);
    else turn(store, now.x - before.x, now.y - before.y);
    if (others.length) zoom(store, spread(now, others[0]) / spread(before, others[0]));
    down.set(event.pointerId, now);
  });
  const up = (event: PointerEvent): void => {
    const was = down.delete(event.pointerId);
    if (was && event.type === "pointerup" && wandered < STILL && !down.size) {
      pointing.point(index, place(event));
      pointing.click(index, place(event));
    }
  };
  frame.addEventListener("pointerup", up);
  frame.addEventListener("pointercancel", up);
  frame.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") pointing.point(index, null);
  });
  frame.addEventListener("contextmenu", (event) => event.preventDefault());
  frame.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoom(store, Math.exp(-event.deltaY * (event.deltaMode ? 20 : 1) * WHEEL));
    },
    { passive: false },
  );
}

export function zoom(store: Store, factor: number): void {
  if (Number.isFinite(factor)) store.turn({ zoom: store.state.camera.zoom * factor });
}

function turn(store: Store, right: number, down: number): void {
  const { azimuth, elevation } = store.state.camera;
  store.turn({ azimuth: azimuth - right * TURN, elevation: elevation + down * TURN });
}

function move(store: Store, frame: HTMLElement, from: { x: number; y: number }, to: { x: number; y: number }, share: number): void {
  const [right, up] = [((to.x - from.x) * share) / frame.clientHeight, ((from.y - to.y) * share) / frame.clientHeight];
  const { camera, flat } = store.state;
  if (!flat) return store.turn({ pan: panned(camera, right, up) });
  const { pan } = camera;
  const scale = 2.6 / camera.zoom;
  return store.turn({ pan: [pan[0] - right * scale, pan[1], pan[2] + up * scale] });
}

function spread(one: { x: number; y: number }, other: { x: number; y: number }): number {
  return Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
}
