// Formulas are set when the page is built: each tex`…` in the sources becomes the MathML that KaTeX makes of it.
import katex from "katex";
import type { Plugin } from "vite";

export function setFormulas(): Plugin {
  return {
    name: "set-formulas",
    enforce: "pre",
    transform(code, id) {
      if (!id.includes("/src/") || !code.includes("tex`")) return;
      return { code: code.replace(/\btex`([^`]*)`/g, (_, formula: string) => JSON.stringify(mathml(formula))), map: null };
    },
  };
}

function mathml(formula: string): string {
  const written = katex.renderToString(formula, { output: "mathml", displayMode: false, strict: "error" });
  return written.replace(/^<span class="katex">|<\/span>$/g, "").replace(/<annotation.*?<\/annotation>/g, "");
}
