// What the picture means, every key, and the licenses of what is in the page.
import { byId, make } from "./dom";
import type { Keys } from "./keys";

const MEANING = [
  "Height and color are the loss. Lines on the surface and on the ground below it join places of equal loss.",
  "A path runs at the true loss of each of its steps, not on the surface: where it leaves the plane, a stem joins it " +
    "to the surface below. Its shadow lies on the ground.",
  "Hatched places have no loss: it was not a number, infinite, or not computed. They are never filled in.",
  "Drag to turn, Shift and drag or two fingers to move, wheel or pinch to zoom. Point at the surface, at a path or at " +
    "the curves to read values. The address of this page holds the view: copy it to share what you see.",
];

const LIVE_MEANING = [
  "Click the surface, or lead the cross with the arrow keys and press Enter, to start a descent there. It is the real " +
    "training run in all its dimensions; the picture shows its projection, with the distance off the plane.",
  "At the ball, the arrow in the color of the text points downhill, against the gradient; the arrow in the color of " +
    "the path is its last step, the velocity. Their directions are true; their lengths grow with the real ones, not in " +
    "proportion.",
];

export function makeHelp(keys: () => Keys[], live: boolean): () => void {
  const table = make("dl", { className: "keys" });
  const close = make("button", { type: "button", textContent: "Close", className: "close" });
  const dialog = make(
    "dialog",
    { id: "keys", attributes: { "aria-label": "Help" } },
    close,
    make("h2", { textContent: "What you see" }),
    ...[...(live ? LIVE_MEANING : []), ...MEANING].map((textContent) => make("p", { textContent })),
    make("h2", { textContent: "Keys" }),
    table,
    licenses(),
  );
  close.addEventListener("click", () => dialog.close());
  document.body.append(dialog);
  return () => {
    table.replaceChildren(
      ...keys().map(({ shown, does }) =>
        make("div", {}, make("dt", {}, make("kbd", { textContent: shown })), make("dd", { textContent: does })),
      ),
    );
    dialog.showModal();
  };
}

/** The licenses, to unfold; the build puts them into the page. */
function licenses(): HTMLDetailsElement {
  const { content } = byId("licenses") as HTMLTemplateElement;
  return make("details", { className: "licenses" }, make("summary", { textContent: "Licenses" }), content.cloneNode(true));
}
