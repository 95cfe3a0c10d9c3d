import { expect, test } from "vitest";

import { typeset } from "../src/live/typeset";

/** MathML with its elements as brackets, without spaces. */
function plain(formula: string): string {
  return typeset(formula)
    .replace(/<mspace[^>]*><\/mspace>/g, "")
    .replace(/<\/?(math|mrow|mi|mn|mo)(\s[^>]*)?>/g, "")
    .replace(/<(\w+)[^>]*>/g, "$1[")
    .replace(/<\/\w+>/g, "]");
}

test.each([
  ["θ ← θ − η g", "θ←θ−ηg"],
  ["g = ∇L(θ) + λ θ", "g=∇L(θ)+λθ"],
  ["v ← β₂ v + (1 − β₂) g²", "v←msub[β2]v+(1−msub[β2])msup[g2]"],
  ["θ ← θ − η m̂ / (√v̂ + ε)", "θ←θ−ηmfrac[mover[m^]msqrt[mover[v^]]+ε]"],
  ["d = √(u + ε) / √(v + ε) · g", "d=mfrac[msqrt[u+ε]msqrt[v+ε]]·g"],
  ["m̂ = m / (1 − β₁ᵗ),  v̂ = v", "mover[m^]=mfrac[m1−msubsup[β1t]],mover[v^]=v"],
  ["μₜ₊₁ m / (1 − Πₜ₊₁) + (1 − μₜ) g", "msub[μt+1]mfrac[m1−msub[Πt+1]]+(1−msub[μt])g"],
  ['<img src="x">', "imgsrc=x"],
])("plain signs become MathML: %s", (formula, set) => expect(plain(formula)).toBe(set));
