// All that a reader can do, by name: buttons and keys call the same.
import { toggle } from "./beside";
import { COLORS_NAMES } from "./colors";
import { panned } from "./camera";
import { zoom } from "./gestures";
import type { Player } from "./player";
import { HOME, SPEEDS, type Store } from "./state";

const CLOSER = 1.25;
const TURN = 8;
const MOVE = 0.06;

export type Actions = ReturnType<typeof makeActions>;

export function makeActions(store: Store, player: Player, help: () => void, mapOnly: boolean) {
  const change = (by: number): void => {
    const at = SPEEDS.indexOf(store.state.speed) + by;
    if (SPEEDS[at]) store.set({ speed: SPEEDS[at] });
  };
  return {
    reset: () => store.set({ camera: HOME }),
    closer: () => zoom(store, CLOSER),
    further: () => zoom(store, 1 / CLOSER),
    log: () => store.set({ log: !store.state.log }),
    colors: () => {
      const next = (COLORS_NAMES.indexOf(store.state.colors) + 1) % COLORS_NAMES.length;
      store.set({ colors: COLORS_NAMES[next] });
    },
    flat: () => {
      if (!mapOnly) store.set({ flat: !store.state.flat });
    },
    play: () => player.toggle(),
    replay: () => player.replay(),
    back: () => player.go(player.place - 1),
    forward: () => player.go(player.place + 1),
    first: () => player.go(0),
    last: () => player.go(Infinity),
    slower: () => change(-1),
    faster: () => change(1),
    turn: (right: number, up: number) => {
      const { azimuth, elevation } = store.state.camera;
      store.turn({ azimuth: azimuth + right * TURN, elevation: elevation + up * TURN });
    },
    move: (right: number, up: number) => {
      const { camera, flat } = store.state;
      const [x, y, z] = camera.pan;
      const by = (2 * MOVE) / camera.zoom;
      const pan: typeof camera.pan = flat
        ? [x + right * by, y, z - up * by]
        : panned(camera, -right * MOVE, -up * MOVE);
      store.turn({ pan });
    },
    toggle: (name: string) => toggle(store, name),
    help,
  };
}
